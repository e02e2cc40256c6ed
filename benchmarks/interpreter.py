"""Whether a Python was built with optimizations; run as a program, it exits with 0 only for one that was.

One without takes 10 to 20 % more processor time. `make env` runs this file with each Python that it finds, so it
imports nothing of Posada.
"""

import sys
import sysconfig


def optimized() -> bool:
    """By its build's flags. Debian and Ubuntu optimize theirs too, but keep only the flags of their shared library."""
    flags = sysconfig.get_config_var("CONFIG_ARGS") or ""
    return "--enable-optimizations" in flags or (sys.base_prefix == "/usr" and "/usr/share/python-wheels" in flags)


if __name__ == "__main__":
    sys.exit(0 if optimized() else 1)

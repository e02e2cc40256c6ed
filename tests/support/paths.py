"""Where the repository is."""

from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parents[2]
CASES: Final = ROOT / "tests" / "support" / "cases"  # inputs as others reported them, in a folder for each

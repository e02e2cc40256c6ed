"""Certificates for servers of tests on this machine."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path
from typing import Final

from deploy.local.processes.folders import LOOPBACK

OPENSSL: Final = shutil.which("openssl") or ""


def make_certificate(key: Path, certificate: Path) -> None:
    """A key and a certificate for 127.0.0.1, valid for two days."""
    words = f"req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=posada -addext subjectAltName=IP:{LOOPBACK}"
    subprocess.run([OPENSSL, *words.split(), "-keyout", key, "-out", certificate], check=True, capture_output=True)

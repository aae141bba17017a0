"""Definitions of other projects' kinds, taken by `build` beside this file: VPA, Prometheus operator, k3s."""

import subprocess
from functools import cache
from pathlib import Path

BUILD = Path(__file__).with_name("build")


def missing(name: str = "definitions") -> str | None:
    """Why there are none, None if there are. For COMPONENTS of tests/conftest.py."""
    return None if folder().is_dir() else f"{name} are not there; run {BUILD}"


@cache
def folder() -> Path:
    """Where `build` keeps what it took."""
    return Path(subprocess.run([BUILD, "--where"], check=True, capture_output=True, text=True).stdout.strip())

"""faster-whisper and pywhispercpp in an environment of their own, made by `environment` above this file."""

import subprocess
from functools import cache
from pathlib import Path

INSTALL = (Path(__file__).parents[1] / "environment", "peers")


def missing(name: str = "peers") -> str | None:
    """Why the peers cannot be run, None if they can. For COMPONENTS of tests/conftest.py."""
    return None if python().is_file() else f"{name} are not installed; run {' '.join(map(str, INSTALL))}"


@cache
def python() -> Path:
    """The Python that has the peers."""
    told = subprocess.run([*INSTALL, "--where"], check=True, capture_output=True, text=True)
    return Path(told.stdout.strip()) / "bin" / "python"

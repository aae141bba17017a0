"""An aarch64 Python with the voice API's wheels, run by qemu as a Neoverse-N1: made by `build` beside this file."""

import os
import subprocess
from functools import cache
from pathlib import Path

BUILD = Path(__file__).parent / "build"
VOICE_API = Path(__file__).parents[3] / "voice_api"
PROCESSOR = "neoverse-n1"


def missing(name: str = "arm64") -> str | None:
    """Why it cannot be run, None if it can. For COMPONENTS of tests/conftest.py."""
    return None if (folder() / "qemu-aarch64").is_file() else f"{name} is not built; run {BUILD}"


@cache
def folder() -> Path:
    told = subprocess.run([BUILD, "--where"], check=True, capture_output=True, text=True)
    return Path(told.stdout.strip())


def command(*arguments: str) -> list[str]:
    """The aarch64 Python with these arguments; to be started with `environment`.

    What it starts itself as sys.executable does not run: this machine cannot start aarch64 programs.
    """
    return [str(folder() / "qemu-aarch64"), str(folder() / "root/usr/bin/python3.11"), *arguments]


def environment() -> dict[str, str]:
    return {
        "HOME": os.environ["HOME"],  # where the folders are kept that the tests share
        "PATH": "/usr/bin:/bin",
        "PYTHONPATH": f"{VOICE_API}:{folder() / 'packages'}",
        "QEMU_CPU": PROCESSOR,
        "QEMU_LD_PREFIX": str(folder() / "root"),
    }

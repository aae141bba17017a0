"""An aarch64 Python with the voice API's wheels, run by qemu as a Neoverse-N1; `build` makes it."""

import os
import subprocess
from dataclasses import dataclass
from functools import cache
from importlib.metadata import version
from pathlib import Path

import pytest

BUILD = Path(__file__).parent / "build"
VOICE_API = Path(__file__).parents[3] / "voice_api"
PROCESSOR = "neoverse-n1"


@dataclass(frozen=True, slots=True)
class Arm64:
    """The folder that `build` made."""

    folder: Path

    def command(self, *arguments: str) -> list[str]:
        """The aarch64 Python with these arguments, to be started with `environment`.

        What it starts itself as sys.executable does not run: this machine cannot start aarch64 programs.
        """
        return [str(self.folder / "qemu-aarch64"), str(self.folder / "root/usr/bin/python3.11"), *arguments]

    @property
    def environment(self) -> dict[str, str]:
        return {
            "CI": "true",  # hypothesis then gives an example all the time it takes
            "HOME": os.environ["HOME"],  # where the folders are kept that the tests share
            "PATH": "/usr/bin:/bin",
            "OPENBLAS_NUM_THREADS": "1",
            "PYTHONPATH": f"{VOICE_API}:{self.packages}",
            "QEMU_CPU": PROCESSOR,
            "QEMU_LD_PREFIX": str(self.folder / "root"),
        }

    @property
    def packages(self) -> Path:
        return self.folder / "packages"


@pytest.fixture(scope="session")
def arm64() -> Arm64:
    """The aarch64 Python; mark tests needs("arm64")."""
    made = _made()
    _tell_the_version(made.packages)
    return made


def _tell_the_version(packages: Path) -> None:
    """The voice API runs from its sources there, and asks which version of it is installed."""
    name, number = "kvx-voice-api", version("kvx-voice-api")
    place = packages / f"kvx_voice_api-{number}.dist-info"
    place.mkdir(exist_ok=True)
    (place / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {number}\n")


def missing(name: str = "arm64") -> str | None:
    """Why it cannot be run, None if it can. For COMPONENTS of tests/conftest.py."""
    return None if (_made().folder / "qemu-aarch64").is_file() else f"{name} is not built; run {BUILD}"


@cache
def _made() -> Arm64:
    told = subprocess.run([BUILD, "--where"], check=True, capture_output=True, text=True)
    return Arm64(Path(told.stdout.strip()))

"""Whisper folders exported by optimum itself; optimum is installed by `build` beside this file."""

import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
from functools import cache
from pathlib import Path

HERE = Path(__file__).parent
COPIED = ("tokenizer.json", "preprocessor_config.json", "generation_config.json")
EXPORT_SECONDS = 150


def missing(name: str = "optimum") -> str | None:
    """Why nothing can be exported, None if it can. For COMPONENTS of tests/conftest.py."""
    return None if (installed() / "optimum").is_dir() else f"{name} is not installed; run {HERE / 'build'}"


@cache
def installed() -> Path:
    """The folder that has optimum and the transformers it needs."""
    told = subprocess.run([HERE / "build", "--where"], check=True, capture_output=True, text=True)
    return Path(told.stdout.strip())


def exported(published: Path, opset: int) -> Path:
    """The model in published/reference exported by optimum at an opset; kept, and made once."""
    key = hashlib.sha256(f"{published.name} {opset} {installed().name}".encode()).hexdigest()[:20]
    folder = installed().parent / "whisper" / f"optimum-{key}"
    if not folder.exists():
        making = Path(tempfile.mkdtemp(prefix=".making-", dir=installed().parent))
        try:
            _export(published, making, opset)
            making.rename(folder)
        except OSError:  # another process was faster
            if not folder.exists():
                raise
        finally:
            shutil.rmtree(making, ignore_errors=True)
    return folder


def _export(published: Path, making: Path, opset: int) -> None:
    checkpoint = making / "reference"
    shutil.copytree(published / "reference", checkpoint)
    for name in COPIED:
        shutil.copyfile(published / name, checkpoint / name)
    subprocess.run(
        [sys.executable, HERE / "export.py", checkpoint, making, str(opset)],
        env={**os.environ, "PYTHONPATH": str(installed()), "HF_HUB_OFFLINE": "1"},
        check=True,
        capture_output=True,
        timeout=EXPORT_SECONDS,
    )
    for name in COPIED:
        shutil.copyfile(published / name, making / name)

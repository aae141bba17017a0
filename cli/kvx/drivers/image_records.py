"""Keeps the images that were proven in `.kvx/<target>/images.json`, and reads them back."""

from collections.abc import Mapping
from pathlib import Path

from kvx.drivers.files import replace_file
from kvx.errors import ExitCode, KvxError
from kvx.images import record
from kvx.images.record import Proven


def kept(file: Path) -> Mapping[str, Proven]:
    """By name; KvxError with exit code 3 where none was ever kept."""
    if not file.exists():
        raise KvxError(f"{file} is not there: no image was proven yet", record.FIX, ExitCode.MISSING)
    return record.read(file.read_text())


def keep(file: Path, image: Proven) -> None:
    """Add an image, or put it in the place of the one of its name."""
    before = kept(file) if file.exists() else {}
    file.parent.mkdir(parents=True, exist_ok=True)
    replace_file(file, record.written({**before, record.name_of(image.reference): image}))

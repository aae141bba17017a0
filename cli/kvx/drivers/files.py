"""Files, written whole or not at all, and folders, removed with all they hold."""

import contextlib
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

from kvx.errors import KvxError, from_os_error
from kvx.steps.service import RemoveFolder, WriteFile
from kvx.world import Outcome


def is_written(step: WriteFile) -> bool:
    try:
        same = step.path.read_text(encoding="utf-8") == step.content
        return same and step.path.stat().st_mode & 0o777 == step.mode
    except (FileNotFoundError, NotADirectoryError, UnicodeDecodeError):
        return False
    except OSError as error:
        raise from_os_error(error) from None


def write(step: WriteFile) -> Outcome:
    with file_errors(step.path):
        step.path.parent.mkdir(parents=True, exist_ok=True)
        replace_file(step.path, step.content, step.mode)
    return Outcome(changed=True)


def replace_file(path: Path, content: str, mode: int = 0o600) -> None:
    """Put the content in place in one move that outlives a power cut; OSError leaves the old file."""
    handle, temporary = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            file.write(content)
            file.flush()
            os.fchmod(handle, mode)
            os.fsync(handle)
        Path(temporary).replace(path)
    except OSError:
        Path(temporary).unlink(missing_ok=True)
        raise
    _sync_folder(path.parent)


def is_removed(step: RemoveFolder) -> bool:
    return not step.folder.exists()


def remove(step: RemoveFolder) -> Outcome:
    if is_removed(step):
        return Outcome(changed=False)
    with file_errors(step.folder):
        shutil.rmtree(step.folder)
    return Outcome(changed=True)


@contextlib.contextmanager
def file_errors(path: Path) -> Iterator[None]:
    """OSErrors as expected failures that name the path."""
    try:
        yield
    except NotADirectoryError:
        message = f"a part of {path} is a file, where a folder is needed"
        raise KvxError(message, "move that file away, or choose another --folder") from None
    except OSError as error:
        error.filename = error.filename or str(path)
        raise from_os_error(error) from None


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)

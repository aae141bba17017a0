"""Archives as files: written whole or not at all, for their owner alone; read within a bound."""

import os
import tempfile
from hashlib import sha256
from pathlib import Path

from kvx.cluster.archive import MOST_BYTES, Archive, pack, unpack
from kvx.drivers.files import file_errors
from kvx.errors import ExitCode, KvxError


def write_archive(path: Path, archive: Archive) -> int:
    """Gives its size in bytes. KvxError with exit code 3 where something of that name is there already."""
    data = pack(archive)
    with file_errors(path):
        handle, temporary = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(data)
                file.flush()
                os.fchmod(handle, 0o600)
                os.fsync(handle)
            _put(Path(temporary), path)
        finally:
            Path(temporary).unlink(missing_ok=True)
    return len(data)


def read_archive(path: Path) -> tuple[Archive, str]:
    """What it holds, all of it checked, and its digest. KvxError: 2 where it cannot be read, 4 refused."""
    try:
        with path.open("rb") as file:
            data = file.read(MOST_BYTES + 1)
    except OSError as error:
        message = f"the archive {path} cannot be read: {error.strerror}"
        raise KvxError(
            message, "ls -l, and name an archive that kvx backup has made", ExitCode.USAGE
        ) from None
    if len(data) > MOST_BYTES:
        message = f"the archive is refused: {path} has more than {MOST_BYTES // 1_000_000} MB"
        raise KvxError(message, "name an archive that kvx backup has made", ExitCode.INCOMPLETE)
    return unpack(data), sha256(data).hexdigest()


def _put(temporary: Path, path: Path) -> None:
    """In a place that is taken first, so that no other file loses its own."""
    try:
        path.touch(exist_ok=False)
    except FileExistsError:
        message = f"there is a {path} already, and a backup takes no other file's place"
        raise KvxError(message, "kvx backup --to ANOTHER.tar", ExitCode.MISSING) from None
    temporary.replace(path)
    handle = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)

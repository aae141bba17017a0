"""The one expected failure of kvx, and the exit codes it ends with."""

import errno
from enum import IntEnum


class ExitCode(IntEnum):
    """What a finished kvx command tells the shell; documented in docs/exit-codes.md."""

    DONE = 0
    FAILED = 1
    USAGE = 2
    MISSING = 3
    INCOMPLETE = 4
    NO_CAPACITY = 5
    INTERRUPTED = 130


class KvxError(Exception):
    """An expected failure: what happened, and a fix that can be typed."""

    def __init__(self, message: str, fix: str, exit_code: ExitCode = ExitCode.FAILED) -> None:
        super().__init__(message)
        self.message = message
        self.fix = fix
        self.exit_code = exit_code


def from_os_error(error: OSError) -> KvxError:
    """What the operating system refused, as an expected failure; decided by its error number."""
    place = f": {error.filename}" if error.filename else ""
    folder = f" {error.filename}" if error.filename else ""
    if error.errno in {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}:
        return KvxError(f"the disk is full{place}", "free some space (see df -h), then run the command again")
    if error.errno in {errno.EACCES, errno.EPERM}:
        fix = f"ls -ld{folder}; or choose a folder of your own with --folder"
        return KvxError(f"permission denied{place}", fix)
    if error.errno == errno.EROFS:
        return KvxError(f"the file system is read-only{place}", "choose another folder with --folder")
    return KvxError(f"{error.strerror or error}{place}", "mend that, then run the command again")

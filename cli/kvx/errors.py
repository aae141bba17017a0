"""The one expected failure of kvx, and the exit codes it ends with."""

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

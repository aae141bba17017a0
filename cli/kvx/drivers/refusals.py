"""Why the voice API did not start, in words and with a fix."""

from pathlib import Path

import psutil

from kvx.drivers.model import voice_api_error
from kvx.errors import ExitCode, KvxError
from kvx.supervisor.records import Failure, State, log_file

_SHOWN_LINES = 8


def refusal(state: State, failure: Failure, folder: Path) -> KvxError:
    """The failure as an error of kvx: voice-api's own words, or else the last lines of its log."""
    still = "; the one before still serves" if state.serving else ""
    match failure.kind:
        case "port-taken":
            words = f"{failure.message}{_by_whom(failure.port)}{still}"
            fix = f"kvx deploy --port {(failure.port or 0) + 1}, or without --port: a free one is taken then"
            return KvxError(words, fix, ExitCode.MISSING)
        case "port-forbidden":
            fix = "kvx deploy --port 8484, or any other above 1023"
            return KvxError(f"{failure.message}{still}", fix, ExitCode.MISSING)
        case "host":
            fix = "kvx deploy --host 127.0.0.1, or another address of this machine"
            return KvxError(f"{failure.message}{still}", fix, ExitCode.USAGE)
        case "exit" | "time-out":
            return _of_the_child(failure, folder, still)


def _of_the_child(failure: Failure, folder: Path, still: str) -> KvxError:
    said = voice_api_error(failure.code, failure.lines)
    if said:
        return KvxError(f"{said.message}{still}", said.fix, said.exit_code)
    log = "".join(f"\n  {line}" for line in failure.lines[-_SHOWN_LINES:])
    last = f". Its last lines:{log}" if log else ""
    return KvxError(f"{failure.message}{still}{last}", f"less {log_file(folder)}")


def _by_whom(port: int | None) -> str:
    """The program that listens on the port, where this user may see it."""
    try:
        for connection in psutil.net_connections("tcp"):
            listening = connection.status == psutil.CONN_LISTEN and connection.laddr
            if listening and listening.port == port and connection.pid:
                return f" by {psutil.Process(connection.pid).name()} (process {connection.pid})"
    except psutil.Error:
        return " by another program"
    return " by another program"

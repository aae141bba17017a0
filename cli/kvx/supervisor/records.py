"""What the supervisor is asked for and what it says about itself: two small JSON files in its folder."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

from kvx.supervisor.identity import Process

SCHEMA = "kvx/supervisor/v1"

ServicePhase = Literal["starting", "ready", "backing-off", "failed", "stopping", "stopped"]
FailureKind = Literal["exit", "time-out", "port-taken", "port-forbidden", "host"]


@dataclass(frozen=True, slots=True)
class Wanted:
    """The service as it should be.

    request      names one wish: a new one starts a new child even when nothing else changed
    generation   digest of all that makes a difference to the child
    argv         program and flags; the supervisor appends --fd and --metrics-fd
    port         None: any free one, the one of last time where possible
    """

    request: str
    generation: str
    argv: tuple[str, ...]
    host: str
    port: int | None
    metrics_host: str
    metrics_port: int | None
    version: str
    model: str
    ready_seconds: float = 60
    drain_seconds: float = 30
    first_restart_seconds: float = 0.5
    restart_limit: int = 10
    log_bytes: int = 1_000_000
    log_count: int = 3


@dataclass(frozen=True, slots=True)
class Child:
    """One process of the service; `since` in seconds since the epoch."""

    process: Process
    request: str
    generation: str
    version: str
    model: str
    since: float


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a wish could not be met, with the last lines of the log.

    code   exit code of the child, negative for the signal that ended it, None if it did not end
    """

    request: str
    generation: str
    kind: FailureKind
    message: str
    code: int | None = None
    port: int | None = None
    lines: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class State:
    """The service as it is; ports stay remembered when nothing runs.

    since    when the supervisor started, in seconds since the epoch
    proven   the last request that was met: its service is started again when it dies
    """

    phase: ServicePhase
    supervisor: Process
    since: float
    host: str
    port: int | None
    metrics_host: str
    metrics_port: int | None
    serving: Child | None = None
    starting: Child | None = None
    failed: Failure | None = None
    restarts: int = 0
    proven: str | None = None


def service_file(folder: Path) -> Path:
    return folder / "service.json"


def state_file(folder: Path) -> Path:
    return folder / "state.json"


def pid_file(folder: Path) -> Path:
    return folder / "supervisor.pid"


def log_file(folder: Path) -> Path:
    return folder / "voice-api.log"


def write_record(path: Path, record: Wanted | State) -> None:
    """Replace the file as a whole; OSError leaves the old one as it was."""
    text = json.dumps({"schema": SCHEMA} | asdict(record), indent=2)
    draft = path.with_name(f".{path.name}.draft")
    try:
        draft.write_text(text + "\n")
        draft.replace(path)
    except OSError:
        draft.unlink(missing_ok=True)
        raise


def read_wanted(folder: Path) -> Wanted | None:
    """None when there is no such file, or not one that this version understands."""
    values = _values(service_file(folder))
    try:
        return Wanted(**values | {"argv": tuple(values["argv"])}) if values else None
    except (TypeError, KeyError):
        return None


def read_state(folder: Path) -> State | None:
    """None when there is no such file, or not one that this version understands."""
    values = _values(state_file(folder))
    try:
        return _state(values) if values else None
    except (TypeError, KeyError):
        return None


def _values(path: Path) -> dict[str, Any] | None:
    try:
        values = json.loads(path.read_text())
    except (FileNotFoundError, ValueError):
        return None
    return values if isinstance(values, dict) and values.pop("schema", None) == SCHEMA else None


def _state(values: dict[str, Any]) -> State:
    failed = values["failed"]
    parts = {
        "supervisor": Process(**values["supervisor"]),
        "serving": _child(values["serving"]),
        "starting": _child(values["starting"]),
        "failed": Failure(**failed | {"lines": tuple(failed["lines"])}) if failed else None,
    }
    return State(**values | parts)


def _child(values: dict[str, Any] | None) -> Child | None:
    return Child(**values | {"process": Process(**values["process"])}) if values else None

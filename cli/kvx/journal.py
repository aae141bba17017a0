"""What a run did, one JSON line each, safe on the disk before the next step begins."""

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from kvx.plan import Step, step_digest, step_kind

Record = Mapping[str, object]


@dataclass(frozen=True, slots=True)
class Journal:
    """The journal of one deployment, as one run writes it; times in seconds since 1970."""

    path: Path
    run: str

    def append(self, event: str, now: float, **more: object) -> None:
        """Add a record; it is on the disk when this returns."""
        record = {"time": round(now, 3), "run": self.run, "pid": os.getpid(), "event": event, **more}
        line = json.dumps(record).encode() + b"\n"
        self.path.parent.mkdir(parents=True, exist_ok=True)
        created = not self.path.exists()
        descriptor = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
        try:
            _cut_torn_line(descriptor)
            _write(descriptor, line)
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        if created:
            _sync_folder(self.path.parent)

    def step(self, event: str, now: float, phase: str, step: Step, **more: object) -> None:
        """Add a record about a step: started, finished, failed or interrupted."""
        about = {"phase": phase, "kind": step_kind(step), "words": step.words, "digest": step_digest(step)}
        self.append(event, now, **about, **more)


@dataclass(frozen=True, slots=True)
class LastRun:
    """How the last run ended; `stopped_in` is the step it was in, in words, and `kind` its kind."""

    run: str
    finished: bool
    stopped_in: str | None
    kind: str | None = None
    command: str | None = None


def read(path: Path) -> tuple[Record, ...]:
    """Every whole record, oldest first; a line torn by a crash is left out."""
    try:
        lines = path.read_bytes().split(b"\n")[:-1]
    except FileNotFoundError:
        return ()
    return tuple(record for line in lines if (record := _record(line)) is not None)


def last_run(records: Sequence[Record]) -> LastRun | None:
    """The run that wrote the last record, None where nothing ever ran."""
    if not records:
        return None
    run = str(records[-1].get("run"))
    steps = [record for record in records if record.get("run") == run and "kind" in record]
    ended = not steps or steps[-1]["event"] == "finished"
    stopped_in = None if ended else str(steps[-1].get("words"))
    kind = None if ended else str(steps[-1].get("kind"))
    started = (record.get("command") for record in records if record.get("run") == run)
    command = next((str(each) for each in started if each), None)
    return LastRun(run, records[-1].get("event") == "run finished", stopped_in, kind, command)


def _record(line: bytes) -> Record | None:
    try:
        record = json.loads(line)
    except ValueError:
        return None
    return record if isinstance(record, dict) and "event" in record else None


def _cut_torn_line(descriptor: int) -> None:
    """A process that was killed while it wrote leaves half a line; the file ends before it again."""
    size = os.fstat(descriptor).st_size
    if not size or os.pread(descriptor, 1, size - 1) == b"\n":
        return
    content = os.pread(descriptor, size, 0)
    os.ftruncate(descriptor, content.rfind(b"\n") + 1)


def _write(descriptor: int, line: bytes) -> None:
    while line:
        line = line[os.write(descriptor, line) :]


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)

"""Says what a run does while it does it: live on a terminal, as lines elsewhere, as JSON for programs."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol, TextIO

from kvx.errors import KvxError
from kvx.plan import LOOKING, Step, step_kind

if TYPE_CHECKING:
    from rich.progress import Progress


@dataclass(frozen=True, slots=True)
class Started:
    """A step begins."""

    phase: str
    step: Step


@dataclass(frozen=True, slots=True)
class Progressed:
    """A step has come some way."""

    phase: str
    step: Step
    words: str


@dataclass(frozen=True, slots=True)
class Finished:
    """A step came to its end; `changed` tells whether the world is another one now."""

    phase: str
    step: Step
    changed: bool
    seconds: float
    lines: tuple[str, ...] = ()
    data: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Failed:
    """A step did not reach its end."""

    phase: str
    step: Step
    error: KvxError
    seconds: float


@dataclass(frozen=True, slots=True)
class Note:
    """Something worth knowing that is no step."""

    words: str


Event = Started | Progressed | Finished | Failed | Note


class Report(Protocol):
    """What hears of every event, in order; `close` gives the screen back."""

    def __call__(self, event: Event) -> None: ...

    def close(self) -> None: ...


@dataclass(frozen=True, slots=True)
class Lines:
    """One plain line per event, for files, pipes and CI."""

    stream: TextIO

    def __call__(self, event: Event) -> None:
        for line in lines_of(event):
            self.stream.write(f"{line}\n")
        self.stream.flush()

    def close(self) -> None:
        """Nothing to give back."""


@dataclass(frozen=True, slots=True)
class JsonLines:
    """One JSON object per event; `schema` names the contract, such as kvx/deploy/v1."""

    stream: TextIO
    schema: str

    def __call__(self, event: Event) -> None:
        self.stream.write(json.dumps({"schema": self.schema, **data_of(event)}) + "\n")
        self.stream.flush()

    def close(self) -> None:
        """Nothing to give back."""


class Live:
    """A spinner with the time elapsed while a step runs, and a line when it has ended."""

    def __init__(self, stream: TextIO) -> None:
        self._lines = Lines(stream)
        self._progress: Progress | None = None

    def __call__(self, event: Event) -> None:
        match event:
            case Started():
                self._spin(event.step.words)
            case Progressed():
                self._spin(f"{event.step.words}: {event.words}")
            case Finished() | Failed() | Note():
                self.close()
                self._lines(event)

    def close(self) -> None:
        if self._progress is not None:
            self._progress.stop()
            self._progress = None

    def _spin(self, words: str) -> None:
        if self._progress is None:
            self._progress = _progress(self._lines.stream)
            self._progress.add_task(words)
            self._progress.start()
        self._progress.update(self._progress.task_ids[0], description=words)


def _progress(stream: TextIO) -> "Progress":
    from rich.console import Console
    from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn

    columns = (SpinnerColumn(), TextColumn("{task.description}", markup=False), TimeElapsedColumn())
    return Progress(
        *columns, console=Console(file=stream), transient=True, redirect_stdout=False, redirect_stderr=False
    )


def lines_of(event: Event) -> tuple[str, ...]:
    """An event as plain lines; nothing is wrapped, so that paths and addresses stay whole."""
    match event:
        case Started():
            return (f"{event.step.words} ...",)
        case Progressed():
            return (f"  {event.words}",)
        case Finished():
            result = "done" if event.changed or isinstance(event.step, LOOKING) else "nothing to change"
            head = f"{event.step.words}: {result} ({event.seconds:.1f} s)"
            return (head, *(f"  {line}" for line in event.lines))
        case Failed():
            return (f"{event.step.words}: failed ({event.seconds:.1f} s)",)
        case Note():
            return (event.words,)


def data_of(event: Event) -> dict[str, object]:
    """An event as the object that --json prints, without its schema; docs/json.md names every key."""
    match event:
        case Note():
            return {"event": "note", "words": event.words}
        case Started():
            return {"event": "started", **_step(event), "command": list(event.step.command)}
        case Progressed():
            return {"event": "progressed", **_step(event), "progress": event.words}
        case Finished():
            took = {"changed": event.changed, "seconds": round(event.seconds, 3)}
            told = {"lines": list(event.lines), "data": dict(event.data)}
            return {"event": "finished", **_step(event), **took, **told}
        case Failed():
            return {
                "event": "failed",
                **_step(event),
                "seconds": round(event.seconds, 3),
                **error_data(event.error),
            }


def error_data(error: KvxError) -> dict[str, object]:
    """An error as every JSON answer of kvx shows it."""
    return {"error": error.message, "fix": error.fix, "exit_code": int(error.exit_code)}


def _step(event: Started | Progressed | Finished | Failed) -> dict[str, object]:
    return {"phase": event.phase, "kind": step_kind(event.step), "words": event.step.words}

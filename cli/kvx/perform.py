"""One step after the other: reported, journalled, with its deadline and the wish to stop watched."""

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import NoReturn, Protocol

from kvx.errors import ExitCode, KvxError, from_os_error
from kvx.journal import Journal
from kvx.lock import Lock
from kvx.plan import LOOKING, Plan, Step
from kvx.report import Failed, Finished, Note, Progressed, Report, Started
from kvx.stop import Stop
from kvx.world import Outcome, World

# Drivers keep their deadlines themselves; one that does not is ended this much later.
GRACE_SECONDS = 5.0


class Drivers(Protocol):
    """What observes and performs steps; `kvx.drivers` is one."""

    def is_done(self, step: Step, world: World) -> bool: ...

    def perform(self, step: Step, world: World) -> Outcome: ...


@dataclass(frozen=True, slots=True)
class Done:
    """A step that came to its end."""

    phase: str
    step: Step
    outcome: Outcome
    seconds: float


@dataclass(frozen=True, slots=True)
class Edge:
    """All that one run touches the world with; a run that only looks has no journal and no lock."""

    drivers: Drivers
    report: Report
    world: World
    stop: Stop
    journal: Journal | None = None
    lock: Lock | None = None

    def is_done(self, step: Step) -> bool:
        return self.drivers.is_done(step, replace(self.world, stop_requested=self.stop_requested))

    def stop_requested(self) -> bool:
        return self.stop.requested or self.world.stop_requested()

    def note(self, words: str) -> None:
        self.report(Note(words))

    def check_may_go_on(self) -> None:
        """Raises a KvxError when asked to stop, and when somebody else has the lock now."""
        if self.stop_requested():
            raise _stopped()
        if self.lock is not None and self.lock.lost:
            message = "the lock expired while this process slept, and another kvx took it over"
            raise KvxError(message, "let the other one end, then run the command again", ExitCode.MISSING)


def walk(plan: Plan, edge: Edge) -> Iterator[Done]:
    """Each step in order; a step that is done already is left as it is."""
    for phase in plan.phases:
        for step in phase.steps:
            edge.check_may_go_on()
            if isinstance(step, LOOKING) or not edge.is_done(step):
                yield _perform(phase.name, step, edge)
            else:
                edge.report(Finished(phase.name, step, changed=False, seconds=0))


def _perform(phase: str, step: Step, edge: Edge) -> Done:
    edge.report(Started(phase, step))
    _record("started", phase, step, edge)
    begin = edge.world.monotonic()
    try:
        outcome = edge.drivers.perform(step, _world_of(phase, step, edge))
    except KvxError as error:
        _fail(phase, step, edge, begin, error)
    except OSError as error:
        _fail(phase, step, edge, begin, from_os_error(error))
    except KeyboardInterrupt:
        _fail(phase, step, edge, begin, _stopped())
    seconds = edge.world.monotonic() - begin
    _record("finished", phase, step, edge, changed=outcome.changed)
    edge.report(Finished(phase, step, outcome.changed, seconds, outcome.lines, outcome.data))
    return Done(phase, step, outcome, seconds)


def _fail(phase: str, step: Step, edge: Edge, begin: float, error: KvxError) -> NoReturn:
    event = "interrupted" if error.exit_code is ExitCode.INTERRUPTED else "failed"
    with suppress(OSError):  # the disk may be what failed; the step's own error counts
        _record(event, phase, step, edge, error=error.message)
    edge.report(Failed(phase, step, error, edge.world.monotonic() - begin))
    raise error


def _record(event: str, phase: str, step: Step, edge: Edge, **more: object) -> None:
    if edge.journal is not None:
        edge.journal.step(event, edge.world.now(), phase, step, **more)


def _world_of(phase: str, step: Step, edge: Edge) -> World:
    """The world as one step sees it: its progress is reported, its stop and its deadline are watched."""
    end = edge.world.monotonic() + step.deadline_seconds + GRACE_SECONDS
    told: list[bool] = []

    def sleep(seconds: float) -> None:
        if edge.world.monotonic() > end:
            message = f"the step did not end within {step.deadline_seconds:g} s: {step.words}"
            raise KvxError(message, "kvx doctor looks for the reason; the same command goes on from here")
        edge.world.sleep(seconds)

    def stop_requested() -> bool:
        if edge.stop.requested and not told:
            told.append(True)
            edge.note("stopping as asked; asked once more, it ends at once")
        return edge.stop_requested()

    def progress(words: str) -> None:
        edge.report(Progressed(phase, step, words))

    return replace(edge.world, sleep=sleep, progress=progress, stop_requested=stop_requested)


def _stopped() -> KvxError:
    message = "stopped on request; what was done is in the journal"
    return KvxError(message, "the same command goes on from here", ExitCode.INTERRUPTED)

"""Runs a plan: looks at what is left, takes the lock, keeps the journal, resumes what was broken off."""

import json
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path

from kvx.deployment import Deployment
from kvx.journal import Journal, LastRun, last_run, read
from kvx.lock import Lock, LockHeldError, acquire
from kvx.perform import Done, Drivers, Edge, walk
from kvx.plan import LOOKING, Phase, Plan, step_digest, step_kind
from kvx.report import Report
from kvx.stop import stoppable
from kvx.world import World

POLL_SECONDS = 0.2


@dataclass(frozen=True, slots=True)
class Result:
    """What a run came to; `run` is None where nothing had to be changed."""

    run: str | None
    done: tuple[Done, ...]

    @property
    def changed(self) -> bool:
        return any(done.outcome.changed for done in self.done)

    @property
    def data(self) -> dict[str, object]:
        """What the steps found out, later steps winning."""
        return {key: value for done in self.done for key, value in done.outcome.data.items()}


@dataclass(frozen=True, slots=True)
class Call:
    """How kvx was called: the lock names the command, and waits for its present owner this long."""

    command: str
    wait_for_lock_seconds: float = 0


def execute(
    plan: Plan, deployment: Deployment, drivers: Drivers, report: Report, world: World, *, call: Call
) -> Result:
    """Do what is left of the plan; where nothing is left, only look, and write nothing at all.

    Raises the KvxError of the step that failed, exit code 130 when asked to stop, 3 for a held lock.
    """
    with stoppable() as stop:
        edge = Edge(drivers, report, world, stop)
        if not _settled(plan, deployment, edge):
            with _locked(deployment, edge, call) as lock:
                if not _settled(plan, deployment, edge):
                    return _run(plan, deployment, replace(edge, lock=lock), call)
        return Result(None, tuple(walk(plan, edge)))


def undo(
    plan: Plan, deployment: Deployment, drivers: Drivers, report: Report, world: World, *, call: Call
) -> Result:
    """Take the deployment away, journal and all; what is gone already is left out."""
    with stoppable() as stop:
        edge = Edge(drivers, report, world, stop)
        done: tuple[Done, ...] = ()
        if not all(edge.is_done(step) for step in plan.undo):
            undoing = Plan(plan.target, (Phase("cleanup", "take it away", plan.undo),))
            with _locked(deployment, edge, call) as lock:
                done = tuple(walk(undoing, replace(edge, lock=lock)))
        with suppress(OSError):  # other targets may have their folders beside this one
            deployment.folder.parent.rmdir()
        return Result(None, done)


def _settled(plan: Plan, deployment: Deployment, edge: Edge) -> bool:
    """Whether the last run finished, and the world is as the plan wants it."""
    before = last_run(read(deployment.journal))
    changing = (step for step in plan.steps if not isinstance(step, LOOKING))
    return before is not None and before.finished and all(edge.is_done(step) for step in changing)


def _run(plan: Plan, deployment: Deployment, edge: Edge, call: Call) -> Result:
    before = last_run(read(deployment.journal))
    if before is not None and not before.finished:
        edge.note(_resuming(before, plan))
    journal = Journal(deployment.journal, secrets.token_hex(4))
    digests = [step_digest(step) for step in plan.steps]
    journal.append("run started", edge.world.now(), target=plan.target, command=call.command, digests=digests)
    result = Result(journal.run, tuple(walk(plan, replace(edge, journal=journal))))
    _write_report(deployment.last_report, result, edge.world)
    journal.append("run finished", edge.world.now())
    return result


def _resuming(before: LastRun, plan: Plan) -> str:
    """What another command has broken off is not gone on with here, unless this plan has the step, too."""
    if before.kind is not None and before.kind not in {step_kind(step) for step in plan.steps}:
        words = f"run {before.run} of `{before.command}` stopped in the step: {before.stopped_in}"
        return f"{words}; only that command goes on with it"
    where = (
        f"stopped in the step: {before.stopped_in}" if before.stopped_in else "was ended between two steps"
    )
    return f"resuming run {before.run}, which {where}"


@contextmanager
def _locked(deployment: Deployment, edge: Edge, call: Call) -> Iterator[Lock]:
    lock = _acquired(deployment.lock, edge, call)
    try:
        yield lock
    finally:
        lock.release()


def _acquired(path: Path, edge: Edge, call: Call) -> Lock:
    end = edge.world.monotonic() + call.wait_for_lock_seconds
    told = False
    while True:
        try:
            return acquire(path, call.command, edge.world.now, edge.note)
        except LockHeldError as error:
            if edge.world.monotonic() >= end:
                raise
            if not told:
                edge.note(f"waiting: {error.message}")
            told = True
        edge.check_may_go_on()
        edge.world.sleep(POLL_SECONDS)


def _write_report(path: Path, result: Result, world: World) -> None:
    steps = [
        {"phase": done.phase, "kind": step_kind(done.step), "words": done.step.words}
        | {
            "changed": done.outcome.changed,
            "seconds": round(done.seconds, 3),
            "data": dict(done.outcome.data),
        }
        for done in result.done
    ]
    report = {"schema": "kvx/report/v1", "run": result.run, "finished": round(world.now(), 3), "steps": steps}
    draft = path.with_name(f".{path.name}.draft")
    with draft.open("w") as file:
        json.dump(report, file, indent=2)
        file.flush()
        os.fsync(file.fileno())
    draft.replace(path)

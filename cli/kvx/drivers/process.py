"""Keeps the voice API running on this machine, through a supervisor that outlives kvx."""

import hashlib
import json
import os
import secrets
import signal
from dataclasses import asdict, replace
from pathlib import Path

from kvx.drivers import starting, systemd
from kvx.drivers.files import file_errors, replace_file
from kvx.drivers.model import record_file
from kvx.drivers.voice_api import address_of, answers
from kvx.drivers.waiting import wait_until
from kvx.errors import ExitCode, KvxError
from kvx.plan import step_digest
from kvx.steps.service import StartService, StopService
from kvx.supervisor import claim, records
from kvx.supervisor.identity import Process
from kvx.supervisor.records import State, Wanted
from kvx.world import Outcome, World

_ALIVE_SECONDS = 5.0
_HURRY_SECONDS = 5.0


def is_running(step: StartService) -> bool:
    """Whether a child of exactly these settings serves, and answers."""
    state = running_state(step.folder)
    if state is None or state.serving is None or state.starting is not None:
        return False
    same = state.serving.generation == generation(step) and state.serving.process.alive
    return same and answers(address_of(state), _ALIVE_SECONDS)


def running_state(folder: Path) -> State | None:
    """What the supervisor says of itself; None when there is none that lives."""
    owner = supervisor(folder)
    state = records.read_state(folder)
    return state if state and state.supervisor == owner else None


def serving_state(folder: Path) -> State:
    """What the supervisor says of itself; KvxError with exit code 3 when nothing of it serves."""
    state = running_state(folder)
    if state is None:
        raise KvxError("no voice API is deployed here", "kvx deploy", ExitCode.MISSING)
    if state.serving is None:
        message = f"the voice API is {state.phase}"
        raise KvxError(message, "kvx status shows why; kvx deploy starts it anew", ExitCode.MISSING)
    return state


def supervisor(folder: Path) -> Process | None:
    return claim.owner(records.pid_file(folder))


def start(step: StartService, world: World) -> Outcome:
    """Ask for the service and wait until it is ready; the one before serves until then."""
    before = records.read_state(step.folder)
    with file_errors(step.folder):
        wanted = _wish(step)
    _wake(step.folder)
    starting.wait_until_ready(step, wanted.request, lambda: _wake(step.folder), world)
    state = running_state(step.folder)
    if state is None or state.serving is None:
        raise KvxError("the voice API ended as soon as it was ready", f"less {records.log_file(step.folder)}")
    _forget_old_settings(step.folder, wanted.generation)
    return Outcome(changed=True, lines=_lines(before, state), data=_data(state))


def generation(step: StartService) -> str:
    """Digest of all that makes a difference to the child: its settings and the look of its model too."""
    files = (step.settings_file, record_file(step.folder))
    parts = [step_digest(replace(step, deadline_seconds=0))]
    parts += [path.read_text() if path.exists() else "" for path in files]
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:12]


def is_stopped(step: StopService) -> bool:
    state = records.read_state(step.folder)
    children = [child for child in (state.serving, state.starting) if child] if state else []
    left = supervisor(step.folder) or any(child.process.alive for child in children)
    return not left and not systemd.unit_file(step.folder).exists()


def stop(step: StopService, world: World) -> Outcome:
    """Let running requests end, then end the rest; nothing of it is left alive."""
    systemd.remove(step.folder)
    state = records.read_state(step.folder)
    owner = supervisor(step.folder)
    children = [child.process for child in (state.serving, state.starting) if child] if state else []
    group = [owner, *children] if owner else children
    if owner:
        _signal(owner, signal.SIGTERM)
    world.progress("waiting for running requests to end")
    drain_seconds = max(step.deadline_seconds - _HURRY_SECONDS, 0)
    if not wait_until(lambda: not any(each.alive for each in group), drain_seconds, world):
        world.progress("ending it, because it did not stop by itself")
    for process in group:
        _signal(process, signal.SIGKILL)
    if not wait_until(lambda: not any(each.alive for each in group), _HURRY_SECONDS, world):
        numbers = ", ".join(str(each.pid) for each in group if each.alive)
        raise KvxError(f"process {numbers} cannot be ended", f"kill -9 {numbers}")
    return Outcome(changed=bool(group))


def _wish(step: StartService) -> Wanted:
    """Write down what is wanted; a wish that is being met already is joined."""
    wanted = _wanted(step, secrets.token_hex(6))
    state = running_state(step.folder)
    if state and state.starting and state.starting.generation == wanted.generation:
        return replace(wanted, request=state.starting.request)
    copy = _settings_copy(step.folder, wanted.generation)
    replace_file(copy, step.settings_file.read_text())
    replace_file(
        records.service_file(step.folder),
        json.dumps({"schema": records.SCHEMA} | asdict(wanted), indent=2) + "\n",
    )
    return wanted


def _wanted(step: StartService, request: str) -> Wanted:
    """The child reads a copy of its settings, so that it can be restarted with what it had."""
    digest = generation(step)
    copy = str(_settings_copy(step.folder, digest))
    return Wanted(
        request=request,
        generation=digest,
        argv=tuple(copy if word == str(step.settings_file) else word for word in step.argv),
        host=step.host,
        port=step.port,
        metrics_host=step.metrics_host,
        metrics_port=step.metrics_port,
        version=step.version,
        model=step.model,
        ready_seconds=step.deadline_seconds,
        drain_seconds=step.drain_seconds,
    )


def _settings_copy(folder: Path, digest: str) -> Path:
    return folder / f"voice-api.{digest}.toml"


def _forget_old_settings(folder: Path, digest: str) -> None:
    for copy in folder.glob("voice-api.*.toml"):
        if copy != _settings_copy(folder, digest):
            copy.unlink(missing_ok=True)


def _wake(folder: Path) -> None:
    """Tell the supervisor of the new wish, or start one: it looks by itself when it starts."""
    owner = supervisor(folder)
    if owner:
        _signal(owner, signal.SIGHUP)
    elif not systemd.start(folder):
        starting.start_detached(folder)


def _signal(process: Process, number: int) -> None:
    if not process.alive:
        return
    try:
        os.kill(process.pid, number)
    except ProcessLookupError:
        return
    except PermissionError:
        fix = "run the same command as the user who deployed it"
        raise KvxError(f"process {process.pid} belongs to another user", fix, ExitCode.MISSING) from None


def _lines(before: State | None, after: State) -> tuple[str, ...]:
    head = f"it answers on {address_of(after)}"
    if before and before.port not in (None, after.port):
        return (head, f"its port was {before.port} before; now it is {after.port}")
    return (head,)


def _data(state: State) -> dict[str, object]:
    return {
        "address": address_of(state),
        "port": state.port,
        "metrics_port": state.metrics_port,
        "pid": state.serving.process.pid if state.serving else None,
        "generation": state.serving.generation if state.serving else None,
    }

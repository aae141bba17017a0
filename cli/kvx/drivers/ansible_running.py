"""Runs ansible-playbook once through ansible_runner: followed, bounded, stopped in good order."""

import contextlib
import fcntl
import json
import os
import shutil
import signal
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
from ansible_runner import Runner, RunnerConfig

from kvx.drivers import ansible_tether
from kvx.drivers.ansible_environment import environment, new_sockets, proxies
from kvx.drivers.ansible_events import Heard
from kvx.drivers.ansible_play import Play
from kvx.drivers.files import replace_file
from kvx.drivers.waiting import wait_until
from kvx.errors import ExitCode, KvxError
from kvx.steps.nodes import VARIABLES
from kvx.world import World

_SLICE_SECONDS = 0.25
# The tether gives Ansible 8 s to end by itself, and ends within 5 s what is left.
_ENDING_SECONDS = 15.0
_ENDING_SHARE = 0.2
# A busy machine takes longer, and whoever kills the tether leaves what it would have ended.
_KILLING_SECONDS = 45.0
_RUNS_KEPT = 10


@dataclass(frozen=True, slots=True)
class Ended:
    """An ansible-playbook that has ended; `asked` when it was asked to, before it was done."""

    code: int
    heard: Heard
    seconds: float
    log: Path
    asked: bool


def run(play: Play, world: World) -> Ended:
    """Run it to its end, or until it has been asked to end and has done so.

    Raises KvxError while an earlier one is still at work here, and when it cannot be ended in time.
    """
    folder = play.place
    _wait_for_earlier(folder / "tether.lock", world)
    replace_file(play.place / VARIABLES, json.dumps(play.variables, indent=2, default=str) + "\n")
    with _lifeline(folder / "lifeline", play) as lifeline:
        sockets = new_sockets(folder / "sockets")
        try:
            return _Running(play, world, lifeline).run(_config(play, folder, sockets))
        finally:
            shutil.rmtree(sockets, ignore_errors=True)  # where the tether was killed, or never started


class _Running:
    """One ansible-playbook at work."""

    def __init__(self, play: Play, world: World, lifeline: int) -> None:
        self._play, self._world, self._lifeline = play, world, lifeline
        self._begin = world.monotonic()
        self._end = self._begin + play.deadline_seconds
        self._ask_at = self._end - min(_ENDING_SECONDS, play.deadline_seconds * _ENDING_SHARE)
        self._asked_at: float | None = None
        self._heard = Heard(play.answers_of)

    def run(self, config: Any) -> Ended:
        runner = Runner(config, event_handler=self._hear, cancel_callback=self._must_be_killed)
        try:
            _, code = runner.run()
        finally:
            _end_tether(self._play)
        seconds = self._world.monotonic() - self._begin
        log = Path(config.artifact_dir) / "stdout"
        return Ended(code, self._heard, seconds, log, self._asked_at is not None)

    def _hear(self, event: dict[str, Any]) -> bool:
        """Told to people; nothing is kept of it but Ansible's own log."""
        if words := self._heard.hear(event):
            self._world.progress(words)
        return False

    def _must_be_killed(self) -> bool:
        """Asked every moment; the tether is asked first, and what does not end then is killed."""
        now = self._world.monotonic()
        if self._asked_at is None and (self._world.stop_requested() or now >= self._ask_at):
            self._asked_at = now
            os.write(self._lifeline, b"stop\n")
        return self._asked_at is not None and now >= self._asked_at + _KILLING_SECONDS


def _config(play: Play, folder: Path, sockets: Path) -> Any:
    source = play.playbook.parent
    ours = environment(source, folder / "home", sockets)
    config = RunnerConfig(
        private_data_dir=str(folder),
        project_dir=str(source),
        playbook=str(play.playbook),
        inventory=str(play.folder / "inventory.yaml"),
        ident=f"{time.strftime('%Y%m%d-%H%M%S')}-{play.playbook.stem}-{os.getpid()}",
        rotate_artifacts=_RUNS_KEPT,
        envvars=ours,
        fact_cache_type="",
        quiet=True,
    )
    config.prepare()
    config.pexpect_timeout = _SLICE_SECONDS
    given = set(ours) | _OF_RUNNER
    config.env = {name: value for name, value in config.env.items() if name in given}
    config.command = [*_tether(folder, sockets), *_playbook(play)]
    return config


# How ansible_runner's callback plugin is found, and where it writes.
_OF_RUNNER = {"ANSIBLE_CALLBACK_PLUGINS", "ANSIBLE_STDOUT_CALLBACK", "AWX_ISOLATED_DATA_DIR"}


def _tether(folder: Path, sockets: Path) -> list[str]:
    places = (folder / "lifeline", folder / "tether.lock", sockets)
    return [sys.executable, "-I", "-S", ansible_tether.__file__, *map(str, places)]


def _playbook(play: Play) -> list[str]:
    more = play.variables_file
    return [
        str(Path(sys.executable).with_name("ansible-playbook")),
        *("--inventory", str(play.folder / "inventory.yaml")),
        *("--extra-vars", f"@{play.place / VARIABLES}"),
        *(("--extra-vars", f"@{more}") if more else ()),
        *("--forks", str(play.forks)),
        *(("--limit", ",".join(play.limit)) if play.limit else ()),
        *(("--check", "--diff") if play.check else ()),
        str(play.playbook),
    ]


@contextlib.contextmanager
def _lifeline(path: Path, play: Play) -> Iterator[int]:
    """A named pipe that tells the tether the secrets, the wish to stop, and by its end that kvx died."""
    path.unlink(missing_ok=True)
    os.mkfifo(path, 0o600)
    lifeline = os.open(path, os.O_RDWR | os.O_CLOEXEC | os.O_NONBLOCK)
    try:
        told = proxies() | {name: secret.reveal() for name, secret in play.secrets.items()}
        os.write(lifeline, json.dumps(told).encode() + b"\n")
        yield lifeline
    finally:
        path.unlink(missing_ok=True)
        os.close(lifeline)


def _wait_for_earlier(lock: Path, world: World) -> None:
    """An Ansible whose kvx was killed is ended by its tether, which takes a moment."""
    lock.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    if _is_free(lock):
        return
    world.progress("waiting for the Ansible of an earlier run to end")
    if not wait_until(lambda: _is_free(lock), _KILLING_SECONDS, world):
        message = f"an earlier Ansible is still at work in {lock.parent}"
        raise KvxError(message, f"fuser {lock} names its process; end it", ExitCode.MISSING)


def _is_free(lock: Path) -> bool:
    held = os.open(lock, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    finally:
        os.close(held)
    return True


def _end_tether(play: Play) -> None:
    """After an end in order nothing is left of it; asked a second time, or killed, it is ended at once."""
    for child in psutil.Process().children():
        with contextlib.suppress(psutil.Error):
            if str(play.place / "lifeline") in child.cmdline():
                child.send_signal(signal.SIGTERM)
                child.wait(_KILLING_SECONDS)

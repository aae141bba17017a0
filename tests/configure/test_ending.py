"""However a run ends, nothing of it is left: asked, late, interrupted, or with kvx killed."""

import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

# As in play_it.py, which no file and no command line may name.
CANARY = b"canary" + b"7secret"
STUBBORN = (
    "import pathlib, signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN);"
    "signal.signal(signal.SIGINT, signal.SIG_IGN); pathlib.Path({marker!r}).touch(); time.sleep(120)"
)


def lasting(marker: Path) -> dict[str, Any]:
    """A task that says that it runs and then lasts, in a process that no friendly signal ends."""
    argv = [sys.executable, "-c", STUBBORN.format(marker=str(marker))]
    return {"name": "Last", "ansible.builtin.command": {"argv": argv}}


@pytest.fixture
def begin(ground: Any, start: Callable[..., Any], tmp_path: Path, until: Any) -> Callable[[], Any]:
    """Starts a kvx and waits until its playbook is in the middle of a task that lasts."""
    ground.hosts("one")
    marker = tmp_path / "marker"

    def begun() -> Any:
        marker.unlink(missing_ok=True)
        running = start(ground.of(lasting(marker), deadline_seconds=120))
        until(marker.exists)
        assert len(running.look()) >= 4  # its tether, ansible-playbook, a worker, the task
        return running

    return begun


@pytest.fixture
def running(begin: Callable[[], Any]) -> Any:
    return begin()


def sockets_of(ground: Any) -> Path:
    return Path((ground.folder / "ansible" / "sockets").read_text().strip())


def test_asked_to_stop_it_ends_in_order_and_says_so(running: Any, ground: Any) -> None:
    running.process.send_signal(signal.SIGINT)
    said, _ = running.process.communicate(timeout=120)
    assert running.process.returncode == 130
    assert said.splitlines()[-2:] == [
        "stopped playbook.yml on request",
        "fix: the same command goes on from here",
    ]
    assert running.alive() == []
    assert not sockets_of(ground).exists()
    assert not (ground.folder / "ansible" / "lifeline").exists()


def test_asked_twice_it_ends_at_once(begin: Callable[[], Any]) -> None:
    """Ansible has 8 s to end, and its task does not; a machine that is busy is given three tries."""
    assert any(seconds_when_asked_twice(begin()) < 7 for _ in range(3))


def seconds_when_asked_twice(running: Any) -> float:
    running.process.send_signal(signal.SIGINT)
    time.sleep(1)
    begin = time.monotonic()
    running.process.send_signal(signal.SIGTERM)
    running.process.wait(100)
    seconds = time.monotonic() - begin
    assert running.process.returncode != 0
    assert running.alive() == []
    return seconds


def test_a_kvx_that_is_killed_leaves_no_ansible(running: Any, ground: Any, until: Any) -> None:
    running.kill()
    until(lambda: running.alive() == [])
    assert not sockets_of(ground).exists()


def test_the_next_run_waits_until_the_one_of_a_killed_kvx_has_ended(
    running: Any, ground: Any, tmp_path: Path
) -> None:
    running.kill()
    assert running.alive() != []
    played = ground.play({"name": "Nothing", "ansible.builtin.debug": {"msg": "x"}})
    assert ground.said[0] == "waiting for the Ansible of an earlier run to end"
    assert running.alive() == []
    assert played.hosts["one"].good


def test_a_tether_that_is_killed_does_not_leave_ansible_running(
    running: Any, ground: Any, until: Any
) -> None:
    (tether,) = running.children()
    tether.kill()
    running.process.wait(100)
    until(lambda: not any("ansible-playbook" in line for line in running.lines()))
    assert not sockets_of(ground).exists()


def test_no_command_line_and_no_file_holds_a_secret_while_it_runs(running: Any, ground: Any) -> None:
    running.look()
    lines = running.lines()
    assert any("ansible-playbook" in line for line in lines)
    assert not any(CANARY.decode() in line for line in lines)
    assert [path for path, text in ground.written() if CANARY.decode() in text] == []
    # The pipe holds it only until the tether has read it.
    running.process.send_signal(signal.SIGINT)
    running.process.wait(120)


def test_what_is_late_is_stopped_and_said_to_be(ground: Any, start: Any, tmp_path: Path) -> None:
    ground.hosts("one")
    late = start(ground.of(lasting(tmp_path / "marker"), deadline_seconds=20))
    said, _ = late.process.communicate(timeout=150)
    assert late.process.returncode == 4
    message, fix = said.splitlines()[-2:]
    assert message == "playbook.yml had not ended after 20 s and was stopped"
    assert fix.startswith("fix: less ")
    assert late.alive() == []

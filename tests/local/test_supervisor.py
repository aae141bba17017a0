"""The supervisor with a stand-in service: starts, changes, deaths, and what is left of them."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import psutil
import pytest

from kvx import drivers
from kvx.errors import ExitCode, KvxError
from kvx.steps.service import StopService
from kvx.supervisor import records


def files_of(folder: Path) -> dict[str, tuple[int, bytes]]:
    return {path.name: (path.stat().st_mtime_ns, path.read_bytes()) for path in folder.iterdir()}


@contextmanager
def load(deployed: Any, workers: int = 4) -> Iterator[list[Any]]:
    """Requests one after the other on connections of their own; what they met is in the list."""
    met: list[Any] = []
    enough = threading.Event()

    def ask() -> None:
        while not enough.is_set() and len(met) < 5000:
            try:
                met.append(deployed.ask()["answer"])
            except OSError as error:
                met.append(error)

    with ThreadPoolExecutor(workers) as pool:
        asking = [pool.submit(ask) for _ in range(workers)]
        try:
            yield met
        finally:
            enough.set()
        for each in asking:
            each.result(timeout=100)


def test_a_service_that_is_ready_is_done_and_stays_untouched(deployed: Any) -> None:
    step = deployed.step(answer="first")
    assert not drivers.is_done(step, deployed.world)
    assert drivers.perform(step, deployed.world).changed
    before = files_of(deployed.folder), deployed.child_pid
    assert drivers.is_done(step, deployed.world)
    assert (files_of(deployed.folder), deployed.child_pid) == before
    assert deployed.ask()["answer"] == "first"


def test_changed_settings_are_served_on_the_same_port_by_a_new_process(deployed: Any) -> None:
    deployed.start(answer="first")
    port, pid = deployed.state().port, deployed.child_pid
    deployed.start(answer="second")
    assert deployed.ask()["answer"] == "second"
    assert deployed.state().port == port
    deployed.until(lambda: not psutil.pid_exists(pid))


def test_no_request_fails_while_settings_change_under_load(deployed: Any) -> None:
    deployed.start(answer="0", answer_seconds=0.02)
    with load(deployed) as met:
        for number in range(1, 6):
            deployed.start(answer=str(number), answer_seconds=0.02)
        deployed.until(lambda: "5" in met)
    assert set(met) == {"0", "1", "2", "3", "4", "5"}, [each for each in met if not isinstance(each, str)][:3]


def test_the_old_service_answers_until_the_new_one_is_ready(deployed: Any, tmp_path: Path) -> None:
    deployed.start(answer="first")
    slow = deployed.step(answer="second", start_after=str(tmp_path / "go"))
    with ThreadPoolExecutor(1) as pool:
        changing = pool.submit(drivers.perform, slow, deployed.world)
        deployed.until(lambda: deployed.state().starting)
        assert deployed.ask()["answer"] == "first"
        assert not drivers.is_done(slow, deployed.world)
        (tmp_path / "go").touch()
        changing.result(timeout=100)
    assert deployed.ask()["answer"] == "second"


def test_a_new_service_that_fails_leaves_the_old_one_serving_and_says_why(deployed: Any) -> None:
    deployed.start(answer="first")
    with pytest.raises(KvxError) as failure:
        deployed.start(exit_before_ready=3)
    assert failure.value.message == "the stand-in was told to fail; the one before still serves"
    assert (failure.value.fix, failure.value.exit_code) == ("tell it otherwise", ExitCode.MISSING)
    assert deployed.ask()["answer"] == "first"
    os.kill(deployed.child_pid, signal.SIGKILL)
    assert deployed.until(deployed.ask)["answer"] == "first"


def test_a_new_service_that_is_never_ready_is_given_up_in_time(deployed: Any) -> None:
    deployed.start(answer="first")
    began = time.monotonic()
    with pytest.raises(KvxError, match="not ready after 10 s; the one before still serves") as failure:
        deployed.start(never_ready=True, step_deadline_seconds=10)
    assert time.monotonic() - began < 60
    assert deployed.ask()["answer"] == "first"
    assert failure.value.message.endswith("Its last lines:\n  stand-in: starting")


def test_a_first_service_that_fails_leaves_no_process(deployed: Any) -> None:
    with pytest.raises(KvxError, match="told to fail") as failure:
        deployed.start(exit_before_ready=2)
    assert failure.value.exit_code is ExitCode.USAGE
    deployed.until(lambda: not deployed.processes())
    assert deployed.state().phase == "failed"
    assert deployed.start(answer="now").changed


def test_a_service_that_ignores_sigterm_is_ended_after_its_drain(deployed: Any) -> None:
    deployed.start(ignore_sigterm=True, step_drain_seconds=1)
    old = deployed.child_pid
    deployed.start(answer="next")
    deployed.until(lambda: "ended with -9" in deployed.log(), 25)  # unasked, a supervisor gives 30 s
    assert not psutil.pid_exists(old)


def test_a_killed_service_comes_back_and_a_request_in_between_waits(deployed: Any) -> None:
    deployed.start(answer="here", start_seconds=0.3)
    old = deployed.child_pid
    os.kill(old, signal.SIGKILL)
    assert deployed.ask()["pid"] != old
    deployed.until(lambda: deployed.state().phase == "ready" and deployed.state().restarts == 1)


def test_a_service_that_dies_again_and_again_is_given_up(deployed: Any) -> None:
    deployed.start(answer="here")
    wanted = records.read_wanted(deployed.folder)
    assert wanted is not None
    dying = deployed.settings_file.with_name("dying.toml")
    dying.write_text("live_seconds = 0.2\n")
    hasty = replace(wanted, argv=(*wanted.argv[:-1], str(dying)), request="hasty", generation="hasty")
    hasty = replace(hasty, first_restart_seconds=0.01, restart_limit=4)
    records.write_record(records.service_file(deployed.folder), hasty)
    deployed.until(lambda: deployed.state().phase == "failed")
    deployed.until(lambda: not deployed.processes())
    failed = deployed.state().failed
    assert failed is not None
    assert failed.message == "the voice API died 4 times in a row, last with exit code 7"
    assert failed.lines[-1] == "stand-in: dying as told"


def test_the_service_dies_with_its_supervisor_and_is_started_anew(deployed: Any) -> None:
    deployed.start(answer="first", ignore_sigterm=True)
    port, child = deployed.state().port, deployed.child_pid
    os.kill(deployed.supervisor_pid, signal.SIGKILL)
    deployed.until(lambda: not deployed.processes())
    assert not drivers.is_done(deployed.step(answer="first", ignore_sigterm=True), deployed.world)
    deployed.start(answer="first", ignore_sigterm=True, step_drain_seconds=1)
    assert deployed.state().port == port
    assert deployed.ask()["pid"] != child


def test_two_supervisors_are_impossible(deployed: Any) -> None:
    deployed.start(answer="one")
    owner = deployed.supervisor_pid
    command = [sys.executable, "-m", "kvx.supervisor", str(deployed.folder)]
    others = [subprocess.Popen(command) for _ in range(4)]
    assert [other.wait(timeout=80) for other in others] == [0, 0, 0, 0]
    assert deployed.supervisor_pid == owner
    assert len(deployed.processes()) == 2


def test_supervisors_that_start_together_leave_one(deployed: Any) -> None:
    deployed.start(answer="one")
    os.kill(deployed.supervisor_pid, signal.SIGKILL)
    deployed.until(lambda: not deployed.processes())
    command = [sys.executable, "-m", "kvx.supervisor", str(deployed.folder)]
    together = [subprocess.Popen(command, start_new_session=True) for _ in range(4)]
    deployed.until(lambda: sum(each.poll() is None for each in together) == 1)
    (owner,) = (each.pid for each in together if each.poll() is None)
    deployed.until(lambda: deployed.state().supervisor.pid == owner and deployed.state().serving)
    assert deployed.ask()["answer"] == "one"
    deployed.stop()
    assert [each.wait(timeout=80) for each in together] == [0, 0, 0, 0]


def test_a_supervisor_whose_folder_is_gone_takes_its_service_down(deployed: Any) -> None:
    deployed.start(answer="one")
    deployed.folder.rename(deployed.folder.with_name("elsewhere"))
    deployed.until(lambda: not deployed.processes())


def test_the_log_is_bounded_in_size_and_number(deployed: Any) -> None:
    deployed.start(answer="one")
    wanted = records.read_wanted(deployed.folder)
    assert wanted is not None
    for number in range(4):
        deployed.settings_file.with_name("chatty.toml").write_text("chatter_bytes = 40000\n")
        argv = (*wanted.argv[:-1], str(deployed.settings_file.with_name("chatty.toml")))
        chatty = replace(wanted, argv=argv, request=f"{number}", generation=f"{number}", log_bytes=9000)
        records.write_record(records.service_file(deployed.folder), replace(chatty, log_count=2))
        deployed.until(lambda name=f"{number}": (deployed.state().serving or wanted).request == name)
    deployed.stop()  # it writes no more, and turns no log over
    logs = sorted(path.name for path in deployed.folder.glob("voice-api.log*"))
    assert logs == ["voice-api.log", "voice-api.log.1", "voice-api.log.2"]
    assert all((deployed.folder / name).stat().st_size <= 9000 + 65536 for name in logs)


def test_stopping_leaves_no_process_and_no_port(deployed: Any) -> None:
    deployed.start(answer="one")
    port = deployed.state().port
    assert not drivers.is_done(StopService(deployed.folder), deployed.world)
    assert deployed.stop().changed
    assert not deployed.processes()
    assert drivers.is_done(StopService(deployed.folder), deployed.world)
    assert port not in {each.laddr.port for each in psutil.net_connections("tcp") if each.status == "LISTEN"}
    assert not deployed.stop().changed


def test_a_request_at_work_is_answered_before_the_service_stops(deployed: Any, tmp_path: Path) -> None:
    go = tmp_path / "go"
    go.touch()  # while it starts, it is asked whether it is ready
    deployed.start(answer="patience", answer_after=str(go), step_drain_seconds=60)
    go.unlink()
    with ThreadPoolExecutor(2) as pool:
        asking = pool.submit(deployed.ask)
        deployed.until(lambda: has_a_caller(deployed.child_pid))
        stopping = pool.submit(deployed.stop)
        deployed.until(lambda: deployed.state().serving is None)
        go.touch()
        stopping.result(timeout=80)
        assert asking.result(timeout=80)["answer"] == "patience"


def has_a_caller(pid: int) -> bool:
    return any(each.status == "ESTABLISHED" for each in psutil.Process(pid).net_connections("tcp"))


@pytest.mark.parametrize("name", ["state.json", "service.json", "supervisor.pid"])
@pytest.mark.parametrize("content", ["", "{", '{"schema": "kvx/supervisor/v1"}', "\0\0\0"])
def test_a_damaged_record_does_not_stop_a_start(deployed: Any, name: str, content: str) -> None:
    (deployed.folder / name).write_text(content)
    assert deployed.start(answer="one").changed
    assert deployed.ask()["answer"] == "one"


def test_the_number_of_a_dead_supervisor_that_now_is_somebody_else_is_no_supervisor(deployed: Any) -> None:
    pid_file = records.pid_file(deployed.folder)
    pid_file.write_text(f'{{"pid": {os.getpid()}, "birth": "of another"}}')
    deployed.start(answer="one")
    assert deployed.supervisor_pid != os.getpid()

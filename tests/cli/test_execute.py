"""Running a plan: resumed after any end, silent when nothing is left, with deadline and interruption."""

import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from types import ModuleType

import pytest

from kvx.errors import ExitCode, KvxError
from kvx.execute import Call, execute, undo
from kvx.journal import last_run, read
from kvx.lock import acquire
from kvx.report import Event, Failed, Finished, Note, Started
from kvx.world import World, real_world

TOY = Path(__file__).parent / "toy.py"
CALL = Call("kvx deploy")
CHANGING = ["WriteFile", "CheckModel", "StartService"]
STEPS = [*CHANGING, "SpeakAndCompare"]


class Heard:
    """A report that keeps every event."""

    def __init__(self) -> None:
        self.events: list[Event] = []

    def __call__(self, event: Event) -> None:
        self.events.append(event)

    def close(self) -> None:
        pass

    @property
    def notes(self) -> list[str]:
        return [event.words for event in self.events if isinstance(event, Note)]


def fast_world() -> World:
    """A world in which sleeping takes no time, and its clock believes that it did."""
    clock = [0.0]

    def sleep(seconds: float) -> None:
        clock[0] += seconds

    return World(time.time, lambda: clock[0], sleep, lambda _words: None, lambda: False)


def listing(folder: Path) -> dict[str, tuple[int, int]]:
    """Every path below a folder with its time of change and its size, the folder's own included."""
    paths = [folder, *folder.rglob("*")]
    return {str(path): (path.stat().st_mtime_ns, path.stat().st_size) for path in paths}


def run_toy(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, TOY, folder, *arguments], capture_output=True, text=True, timeout=60, check=False
    )


def deploy(toy: ModuleType, folder: Path, **trouble: str) -> tuple[Heard, list[str]]:
    """A deploy in this process; what was reported, and which steps were performed in it."""
    heard, deployment = Heard(), toy.toy_deployment(folder)
    driver = toy.RecordingDriver(folder, trouble)
    before = len(driver.performed)
    try:
        execute(toy.toy_plan(deployment), deployment, driver, heard, fast_world(), call=CALL)
    finally:
        heard.close()
    return heard, driver.performed[before:]


def test_every_step_runs_in_order_and_the_journal_tells_it(toy: ModuleType, tmp_path: Path) -> None:
    _, performed = deploy(toy, tmp_path)
    assert performed == STEPS
    records = read(tmp_path / ".kvx/local/journal.jsonl")
    told = [(record["event"], record.get("kind")) for record in records]
    steps = [(event, step) for step in STEPS for event in ("started", "finished")]
    assert told == [("run started", None), *steps, ("run finished", None)]


def test_a_finished_deploy_leaves_its_report_and_no_lock(toy: ModuleType, tmp_path: Path) -> None:
    deploy(toy, tmp_path)
    report = json.loads((tmp_path / ".kvx/local/report.json").read_text())
    assert report["schema"] == "kvx/report/v1"
    assert [step["kind"] for step in report["steps"]] == STEPS
    assert sorted(path.name for path in (tmp_path / ".kvx/local").iterdir()) == [
        "journal.jsonl",
        "report.json",
        "voice-api.toml",
    ]


def test_nothing_left_means_nothing_written(toy: ModuleType, tmp_path: Path) -> None:
    deploy(toy, tmp_path)
    before = listing(tmp_path / ".kvx")
    _, performed = deploy(toy, tmp_path)
    assert performed == ["SpeakAndCompare"]
    assert listing(tmp_path / ".kvx") == before


def test_only_what_changed_is_done_again(toy: ModuleType, tmp_path: Path) -> None:
    deploy(toy, tmp_path)
    (tmp_path / ".kvx/local/voice-api.toml").write_text("touched by a person")
    heard, performed = deploy(toy, tmp_path)
    assert performed == ["WriteFile", "SpeakAndCompare"]
    assert [event.changed for event in heard.events if isinstance(event, Finished)] == [
        True,
        False,
        False,
        False,
    ]


@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize("trouble", ["die", "die after"])
def test_a_deploy_killed_in_any_step_is_resumed(
    toy: ModuleType, tmp_path: Path, step: str, trouble: str
) -> None:
    killed = run_toy(tmp_path, "deploy", trouble, step)
    assert killed.returncode == -signal.SIGKILL
    again = run_toy(tmp_path, "deploy")
    assert again.returncode == 0
    assert "resuming run" in again.stderr
    assert "took over the lock" in again.stderr
    assert "which stopped in the step: " in again.stderr
    driver = toy.RecordingDriver(tmp_path)
    done_twice = {kind for kind in CHANGING if driver.performed.count(kind) > 1}
    assert done_twice == ({step} & set(CHANGING) if trouble == "die" else set())
    deployment = toy.toy_deployment(tmp_path)
    assert all(driver.is_done(each, real_world()) for each in toy.toy_plan(deployment).steps[:3])
    assert not deployment.lock.exists()


@pytest.mark.parametrize("step", ["StopService", "RemoveFolder"])
@pytest.mark.parametrize("trouble", ["die", "die after"])
def test_a_cleanup_killed_in_any_step_is_ended_by_the_next(tmp_path: Path, step: str, trouble: str) -> None:
    assert run_toy(tmp_path, "deploy").returncode == 0
    assert run_toy(tmp_path, "cleanup", trouble, step).returncode == -signal.SIGKILL
    assert run_toy(tmp_path, "cleanup").returncode == 0
    assert not (tmp_path / ".kvx").exists()
    assert not list((tmp_path / "marks").glob("StartService-*"))


def test_a_cleanup_broken_off_does_not_stop_the_next_deploy(tmp_path: Path) -> None:
    run_toy(tmp_path, "deploy")
    run_toy(tmp_path, "cleanup", "die", "RemoveFolder")
    assert run_toy(tmp_path, "deploy").returncode == 0
    assert list((tmp_path / "marks").glob("StartService-*"))


def test_cleaning_up_nothing_writes_nothing(toy: ModuleType, tmp_path: Path) -> None:
    deployment, driver = toy.toy_deployment(tmp_path), toy.RecordingDriver(tmp_path)
    result = undo(toy.toy_plan(deployment), deployment, driver, Heard(), real_world(), call=CALL)
    assert not result.done
    assert list(tmp_path.iterdir()) == []


def test_what_another_command_has_broken_off_is_named_and_not_said_to_be_resumed(
    toy: ModuleType, tmp_path: Path
) -> None:
    with pytest.raises(KvxError, match="the toy broke"):
        deploy(toy, tmp_path, CheckModel="fail")
    deployment, driver, heard = toy.toy_deployment(tmp_path), toy.RecordingDriver(tmp_path), Heard()
    whole = toy.toy_plan(deployment)
    verify = replace(whole, phases=whole.phases[1:])
    execute(verify, deployment, driver, heard, real_world(), call=CALL)
    note = heard.notes[0]
    assert "stopped in the step: check the speech model toy; only that command goes on with it" in note
    assert f"of `{CALL.command}`" in note
    assert "resuming" not in note


def test_a_failed_step_is_reported_journalled_and_done_next_time(toy: ModuleType, tmp_path: Path) -> None:
    with pytest.raises(KvxError, match="the toy broke"):
        deploy(toy, tmp_path, CheckModel="fail")
    last = last_run(read(tmp_path / ".kvx/local/journal.jsonl"))
    assert last is not None
    assert (last.finished, last.stopped_in) == (False, "check the speech model toy")
    heard, performed = deploy(toy, tmp_path)
    assert heard.notes == [f"resuming run {last.run}, which stopped in the step: check the speech model toy"]
    assert performed == ["CheckModel", "StartService", "SpeakAndCompare"]


def test_a_failure_is_told_once_with_its_step(toy: ModuleType, tmp_path: Path) -> None:
    heard, deployment = Heard(), toy.toy_deployment(tmp_path)
    driver = toy.RecordingDriver(tmp_path, {"StartService": "fail"})
    with pytest.raises(KvxError):
        execute(toy.toy_plan(deployment), deployment, driver, heard, real_world(), call=CALL)
    failed = [event for event in heard.events if isinstance(event, Failed)]
    assert [(event.phase, event.error.message, event.error.fix) for event in failed] == [
        ("service", "the toy broke", "wind it up")
    ]


@pytest.mark.needs("/dev/full")
def test_a_full_disk_is_a_failed_step_with_a_fix(toy: ModuleType, tmp_path: Path) -> None:
    with pytest.raises(KvxError, match="the disk is full") as raised:
        deploy(toy, tmp_path, StartService="full")
    assert raised.value.exit_code is ExitCode.FAILED
    assert read(tmp_path / ".kvx/local/journal.jsonl")[-1]["event"] == "failed"


def test_a_driver_that_hangs_is_ended_after_its_deadline(toy: ModuleType, tmp_path: Path) -> None:
    with pytest.raises(KvxError, match=r"did not end within 1 s: speak") as raised:
        deploy(toy, tmp_path, SpeakAndCompare="hang")
    assert raised.value.exit_code is ExitCode.FAILED


def test_a_bug_in_a_driver_is_not_swallowed_and_gives_the_lock_back(toy: ModuleType, tmp_path: Path) -> None:
    with pytest.raises(ZeroDivisionError):
        deploy(toy, tmp_path, StartService="bug")
    assert not (tmp_path / ".kvx/local/lock.json").exists()
    heard, _ = deploy(toy, tmp_path)
    assert "resuming run" in heard.notes[0]


def start_waiting(folder: Path, trouble: str) -> subprocess.Popen[str]:
    """A toy deploy that has come to the step StartService, and waits in it."""
    process = subprocess.Popen(
        [sys.executable, TOY, folder, "deploy", trouble, "StartService"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "waiting\n"
    return process


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_first_signal_stops_the_step_and_saves_the_journal(tmp_path: Path, number: signal.Signals) -> None:
    process = start_waiting(tmp_path, "wait")
    process.send_signal(number)
    _, told = process.communicate(timeout=100)
    assert process.returncode == ExitCode.INTERRUPTED
    assert "stopping as asked" in told
    last = read(tmp_path / ".kvx/local/journal.jsonl")[-1]
    assert (last["event"], last["kind"]) == ("interrupted", "StartService")
    assert not (tmp_path / ".kvx/local/lock.json").exists()
    assert "resuming run" in run_toy(tmp_path, "deploy").stderr


def test_a_second_signal_ends_a_stubborn_step_at_once(tmp_path: Path) -> None:
    process = start_waiting(tmp_path, "stubborn")
    process.send_signal(signal.SIGINT)
    assert process.stdout is not None
    assert process.stdout.readline() == "heard\n"
    assert process.poll() is None
    begin = time.monotonic()
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=100)
    assert process.returncode == ExitCode.INTERRUPTED
    assert time.monotonic() - begin < 40
    assert read(tmp_path / ".kvx/local/journal.jsonl")[-1]["event"] == "interrupted"


def test_a_wish_to_stop_is_heard_between_two_steps(toy: ModuleType, tmp_path: Path) -> None:
    deployment, driver, heard = toy.toy_deployment(tmp_path), toy.RecordingDriver(tmp_path), Heard()

    def stop_requested() -> bool:
        return any(isinstance(event, Finished) for event in heard.events)

    world = World(time.time, time.monotonic, time.sleep, lambda _words: None, stop_requested)
    with pytest.raises(KvxError, match="stopped on request") as raised:
        execute(toy.toy_plan(deployment), deployment, driver, heard, world, call=CALL)
    assert raised.value.exit_code is ExitCode.INTERRUPTED
    assert driver.performed == ["WriteFile"]


def test_a_held_lock_refuses_before_anything_is_done(toy: ModuleType, tmp_path: Path) -> None:
    deployment = toy.toy_deployment(tmp_path)
    lock = acquire(deployment.lock, "kvx deploy from elsewhere")
    try:
        with pytest.raises(KvxError, match="kvx deploy from elsewhere") as raised:
            deploy(toy, tmp_path)
    finally:
        lock.release()
    assert raised.value.exit_code is ExitCode.MISSING
    assert toy.RecordingDriver(tmp_path).performed == []


def test_waiting_for_the_lock_takes_it_when_it_is_given_back(toy: ModuleType, tmp_path: Path) -> None:
    deployment, driver, heard = toy.toy_deployment(tmp_path), toy.RecordingDriver(tmp_path), Heard()
    lock = acquire(deployment.lock, "kvx deploy from elsewhere")
    slept: list[float] = []

    def sleep(seconds: float) -> None:
        slept.append(seconds)
        if len(slept) == 3:
            lock.release()

    world = World(time.time, lambda: sum(slept), sleep, lambda _words: None, lambda: False)
    execute(toy.toy_plan(deployment), deployment, driver, heard, world, call=Call("kvx deploy", 60))
    assert driver.performed == STEPS
    assert [note[:9] for note in heard.notes] == ["waiting: "]


def test_each_step_is_announced_before_it_begins(toy: ModuleType, tmp_path: Path) -> None:
    heard, _ = deploy(toy, tmp_path)
    kinds = [type(event) for event in heard.events]
    assert kinds == [Started, Finished] * 4


def test_the_journal_is_written_by_this_process(toy: ModuleType, tmp_path: Path) -> None:
    deploy(toy, tmp_path)
    assert {record["pid"] for record in read(tmp_path / ".kvx/local/journal.jsonl")} == {os.getpid()}

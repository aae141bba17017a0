"""Terraform at work: what it says is told, a wish to stop reaches it, and what outlives kvx is ended."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import psutil
import pytest

from kvx import drivers
from kvx.drivers import terraform_survivors as survivors
from kvx.drivers.terraform import Terraform
from kvx.drivers.terraform_failures import troubles_of
from kvx.drivers.terraform_running import Command, Ended, run
from kvx.drivers.terraform_stream import Record, failures_of, record_of, summary_of, words_of
from kvx.errors import ExitCode, KvxError
from kvx.steps.machines import Backend
from kvx.world import real_world


def until(condition: Callable[[], Any], seconds: float = 100) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(0.02)


def hook(kind: str, action: str, resource_type: str = "hcloud_server", **more: Any) -> Record:
    resource = {"resource_type": resource_type, "resource_name": "node", "resource_key": "control-plane-1"}
    return {"type": kind, "hook": {"resource": resource, "action": action, **more}}


@pytest.mark.parametrize(
    ("record", "words"),
    [
        (hook("apply_start", "create"), "server control-plane-1: creating"),
        (hook("apply_progress", "update", elapsed_seconds=9),
         "server control-plane-1: still changing after 9 s"),
        (hook("apply_complete", "create", elapsed_seconds=12), "server control-plane-1: created after 12 s"),
        (hook("apply_errored", "delete", elapsed_seconds=3), "server control-plane-1: failed after 3 s"),
        (hook("apply_complete", "delete", "hcloud_primary_ip", elapsed_seconds=0),
         "primary ip control-plane-1: deleted after 0 s"),
        (hook("apply_complete", "create", "terraform_data"), None),
        (hook("apply_complete", "read"), None),
        (hook("refresh_complete", ""), None),
        ({"type": "version"}, None),
    ],
)  # fmt: skip
def test_the_stream_is_told_in_words(record: Record, words: str | None) -> None:
    assert words_of(record) == words


def test_lines_that_are_not_of_the_stream_are_left_out() -> None:
    lines = ["", "plain words", '{"type": "ver', "[1]", "3", '{"type": "version"}']
    assert [record_of(line) for line in lines if record_of(line)] == [{"type": "version"}]


def diagnostic(summary: str, detail: str = "", severity: str = "error", **more: Any) -> Record:
    return {
        "type": "diagnostic",
        "diagnostic": {"severity": severity, "summary": summary, "detail": detail} | more,
    }


def test_a_failure_that_is_reported_twice_is_one() -> None:
    records = [diagnostic("no"), diagnostic("no"), diagnostic("careful", severity="warning")]
    assert [failure.summary for failure in failures_of(records)] == ["no"]


def test_the_last_summary_counts() -> None:
    records = [{"type": "change_summary", "changes": {"add": n, "operation": "plan"}} for n in (1, 2)]
    assert summary_of(records) == {"add": 2}


@pytest.mark.parametrize(
    ("record", "kind", "exit_code"),
    [
        (
            diagnostic("server type unavailable (resource_unavailable, 4711)"),
            "capacity",
            ExitCode.NO_CAPACITY,
        ),
        (diagnostic("API request failed", "no\n\nError code: locked\nStatus code: 423\n"), "transient", 1),
        (diagnostic("x (server_already_attached, 4711)"), "transient", 1),
        (diagnostic("unable to authenticate (unauthorized, 4711)"), "permanent", ExitCode.MISSING),
        (diagnostic("server limit exceeded (resource_limit_exceeded, 1)"), "quota", ExitCode.NO_CAPACITY),
        (diagnostic("name is already used (uniqueness_error, 1)"), "taken", ExitCode.FAILED),
        (diagnostic('Post "http://x/v1/servers": dial tcp: connect: connection refused'), "lost", 1),
        (diagnostic('Get "https://api.hetzner.cloud/v1/servers": EOF'), "lost", 1),
        (diagnostic("Saved plan is stale", "it changed"), "stale", ExitCode.INCOMPLETE),
        (diagnostic("Failed to write state", "write terraform.tfstate: no space left on device."), "disk", 1),
        (diagnostic("Error acquiring the state lock", "Lock Info:\n  ID:        abc\n"), "locked", 3),
        (diagnostic("Invalid value for variable", "subnet_range is not a range"), "permanent", 1),
    ],
)
def test_failures_of_terraform_are_understood(
    tmp_path: Path, record: Record, kind: str, exit_code: int
) -> None:
    trouble = troubles_of(Ended(1, (record,), tmp_path / "log", stopped=False))[0]
    assert (trouble.kind, trouble.error.exit_code) == (kind, exit_code)


def test_one_permanent_failure_decides(tmp_path: Path) -> None:
    records = (diagnostic("a (locked, 1)"), diagnostic("b (invalid_input, 2)"), diagnostic("c (conflict, 3)"))
    kinds = [trouble.kind for trouble in troubles_of(Ended(1, records, tmp_path / "log", stopped=False))]
    assert kinds == ["permanent", "transient", "transient"]


def test_a_terraform_that_failed_without_a_word_shows_its_last_lines(tmp_path: Path) -> None:
    (tmp_path / "log").write_text("╷\n│ Error: Backend initialization required\n╵\n")
    trouble = troubles_of(Ended(1, (), tmp_path / "log", stopped=False))[0]
    assert "Backend initialization required" in trouble.error.message


def command(folder: Path, script: str) -> Command:
    argv = ["/bin/sh", "-c", script]
    return Command(
        "apply", argv, folder, dict(os.environ), folder / "logs" / "apply.jsonl", folder / "pid.json"
    )


def test_a_program_that_does_not_end_is_asked_and_then_ended(tmp_path: Path) -> None:
    begin = time.monotonic()
    with pytest.raises(KvxError, match="did not end within 15 s"):
        run(command(tmp_path, "trap '' INT; sleep 300 & wait; sleep 300"), 15, real_world())
    assert time.monotonic() - begin < 100


def test_what_a_program_started_ends_with_it(tmp_path: Path) -> None:
    run(command(tmp_path, "sleep 300 & echo $! > child"), 20, real_world())
    child = int((tmp_path / "child").read_text())
    deadline = time.monotonic() + 60
    while Path(f"/proc/{child}").exists() and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not Path(f"/proc/{child}").exists() or "Z" in Path(f"/proc/{child}/stat").read_text()


def test_a_wish_to_stop_reaches_terraform_once(tmp_path: Path) -> None:
    script = "trap 'echo asked >> asked; exit 1' INT; touch ready; while :; do sleep 0.05; done"
    with pytest.raises(KvxError) as stopped:
        run(command(tmp_path, script), 100, replace(real_world(), stop_requested=(tmp_path / "ready").exists))
    assert stopped.value.exit_code is ExitCode.INTERRUPTED
    assert (tmp_path / "asked").read_text() == "asked\n"


def test_a_terraform_whose_kvx_is_killed_is_asked_to_end_in_good_order(tmp_path: Path) -> None:
    script = "trap 'echo asked >> asked; exit 1' INT; touch ready; while :; do sleep 0.05; done"
    running = (
        "import sys; from pathlib import Path; sys.path.insert(0, sys.argv[2]); "
        "from test_terraform import command; from kvx.drivers.terraform_running import run; "
        "from kvx.world import real_world; "
        "run(command(Path(sys.argv[1]), sys.argv[3]), 60, real_world())"
    )
    here = str(Path(__file__).parent)
    with subprocess.Popen([sys.executable, "-c", running, str(tmp_path), here, script]) as kvx:
        until((tmp_path / "ready").exists)
        kvx.kill()
    until((tmp_path / "asked").exists)
    note = survivors.noted(tmp_path / "pid.json")
    assert note is not None
    until(lambda: not note.alive)


def left_behind(folder: Path, script: str) -> subprocess.Popen[bytes]:
    """A terraform of an earlier kvx, noted in pid.json."""
    process = subprocess.Popen(["/bin/sh", "-c", script], cwd=folder, process_group=0)
    survivors.note(folder / "pid.json", process.pid)
    return process


def test_a_terraform_that_was_left_behind_is_waited_for(tmp_path: Path) -> None:
    said: list[str] = []

    def hear(words: str) -> None:
        said.append(words)
        (tmp_path / "go").touch()

    with left_behind(tmp_path, "until [ -e go ]; do sleep 0.05; done; touch done") as process:
        threading.Thread(target=process.wait).start()
        assert survivors.lives(tmp_path / "pid.json", tmp_path)
        survivors.settle(tmp_path / "pid.json", tmp_path, real_world(hear))
        assert (tmp_path / "done").exists()
    assert "waiting for the terraform of an earlier run" in said[0]
    assert not survivors.lives(tmp_path / "pid.json", tmp_path)
    assert not (tmp_path / "pid.json").exists()


def test_a_provider_that_was_left_behind_is_ended(tmp_path: Path) -> None:
    with left_behind(tmp_path, "sleep 300 & echo $! > child; wait") as process:
        until(lambda: (tmp_path / "child").exists() and (tmp_path / "child").read_text())
        child = int((tmp_path / "child").read_text())
        process.kill()
    assert survivors.lives(tmp_path / "pid.json", tmp_path)
    survivors.settle(tmp_path / "pid.json", tmp_path, real_world())
    assert not survivors.lives(tmp_path / "pid.json", tmp_path)
    until(lambda: has_ended(child))


def has_ended(pid: int) -> bool:
    with contextlib.suppress(psutil.NoSuchProcess):
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    return True


def test_a_terraform_that_never_ends_is_ended(tmp_path: Path) -> None:
    hurry = replace(
        real_world(),
        monotonic=lambda: time.monotonic() * 100,
        sleep=lambda seconds: time.sleep(seconds / 100),
    )
    with left_behind(tmp_path, "trap '' INT TERM; while :; do sleep 0.1; done") as process:
        threading.Thread(target=process.wait).start()
        survivors.settle(tmp_path / "pid.json", tmp_path, hurry)
        until(lambda: process.poll() is not None)
    assert process.returncode == -signal.SIGKILL


def test_a_process_that_only_has_the_same_number_is_left_alone(tmp_path: Path) -> None:
    note = tmp_path / "pid.json"
    with left_behind(tmp_path, "sleep 60") as process:
        values = json.loads(note.read_text()) | {"birth": "another time"}
        note.write_text(json.dumps(values))
        elsewhere = tmp_path / "elsewhere"
        elsewhere.mkdir()
        survivors.settle(note, elsewhere, real_world())
        assert process.poll() is None
        process.kill()


@pytest.mark.parametrize("content", ["", "{", "[]", '{"pid": "x", "birth": 1}'])
def test_a_damaged_note_is_no_process(tmp_path: Path, content: str) -> None:
    (tmp_path / "pid.json").write_text(content)
    assert survivors.noted(tmp_path / "pid.json") is None
    survivors.settle(tmp_path / "pid.json", tmp_path, real_world())


def test_logs_are_few(tmp_path: Path) -> None:
    for number in range(20):
        one = command(tmp_path, "true")
        run(replace(one, log=tmp_path / "logs" / f"plan-{number}.jsonl"), 20, real_world())
    assert len(list((tmp_path / "logs").iterdir())) <= 12


@pytest.mark.needs("terraform", "hcloud-provider")
def test_a_deploy_that_is_asked_to_stop_ends_with_130_and_goes_on_later(program: Any) -> None:
    program.simulation.scenario(durations={"create_server": 1000.0})
    with program.start("deploy") as kvx:
        wait_for_servers(program.simulation)
        kvx.send_signal(signal.SIGINT)
        said, _ = kvx.communicate(timeout=150)
    assert kvx.returncode == 130, said
    assert "Traceback" not in said
    program.simulation.scenario()
    code, said = program.run("deploy")
    assert code == 0, said
    program.is_whole()


@pytest.mark.needs("terraform", "hcloud-provider")
def test_the_next_run_waits_for_the_terraform_that_kvx_left_behind(program: Any) -> None:
    program.simulation.scenario(durations={"create_server": 1000.0})
    with program.start("deploy") as kvx:
        wait_for_servers(program.simulation)
        kvx.kill()
        kvx.communicate(timeout=100)
    note = json.loads((program.hetzner / "terraform.pid.json").read_text())
    code, said = program.run("deploy")
    assert code == 0, said
    assert not Path(f"/proc/{note['pid']}").exists()
    program.is_whole()


@pytest.mark.needs("terraform", "hcloud-provider")
def test_a_first_plan_that_is_killed_leaves_no_empty_state(program: Any) -> None:
    """Terraform makes one to lock it; the next run could not know whose it is."""
    # kvx itself has asked for keys twice before; so the plan is held until it is killed.
    slow = {"kind": "slow", "method": "GET", "path": "/ssh_keys", "after": 2, "seconds": 100}
    program.simulation.scenario(faults=[slow])
    with program.start("deploy") as kvx:
        until(lambda: any(b"hcloud" in log.read_bytes() for log in program.hetzner.glob("logs/plan-*")))
        note = json.loads((program.hetzner / "terraform.pid.json").read_text())
        os.killpg(note["pid"], signal.SIGKILL)
        kvx.communicate(timeout=150)
    program.simulation.scenario()
    assert not (program.hetzner / "terraform" / "terraform.tfstate").exists()
    code, said = program.run("deploy")
    assert code == 0, said
    program.is_whole()


@pytest.mark.needs("terraform", "hcloud-provider")
def test_a_second_kvx_does_not_disturb_the_first(program: Any) -> None:
    program.simulation.scenario(durations={"create_server": 2000.0})
    with program.start("deploy") as first:
        wait_for_servers(program.simulation)
        code, said = program.run("deploy")
        first.communicate(timeout=150)
    assert code == 3, said
    assert "another kvx works" in said
    assert first.returncode == 0
    program.is_whole()


def wait_for_servers(simulation: Any) -> None:
    end = time.monotonic() + 60
    while not simulation.resources("server") and time.monotonic() < end:
        time.sleep(0.02)


@pytest.mark.needs("terraform", "hcloud-provider")
def test_a_backend_in_a_bucket_is_what_terraform_understands(cluster: Any) -> None:
    backend = Backend(bucket="of ${us}", endpoint="http://127.0.0.1:1")
    for step in cluster.steps()[:2]:
        drivers.perform(step, cluster.world)
    drivers.perform(replace(cluster.steps()[1], backend=backend), cluster.world)
    checking = ["terraform", "fmt", "-check", "-diff", "backend.tf"]
    checked = subprocess.run(checking, cwd=cluster.workspace, capture_output=True, text=True, check=False)
    assert checked.returncode == 0, checked.stdout + checked.stderr
    written = (cluster.workspace / "backend.tf").read_text()
    assert '"of $${us}"' in written
    assert "use_lockfile" in written
    terraform = Terraform(cluster.workspace, cluster.account, backend, cluster.world)
    with pytest.raises(KvxError, match="no keys for the bucket"):
        terraform.init(20)

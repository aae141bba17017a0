"""Deploys of the real voice API that meet trouble: kills, damaged models, full disks, foreign folders."""

import json
import os
import shutil
import signal
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

import voice_api
from kvx.drivers import voice_api as client
from kvx.errors import KvxError

EMBEDDED = Path(voice_api.__file__).parent / "models" / "embedded"
STEPS = ("WriteFile", "CheckModel", "StartService", "SpeakAndCompare")


def records_of(journal: Path) -> list[dict[str, Any]]:
    lines = journal.read_text().splitlines() if journal.exists() else []
    return [json.loads(line) for line in lines if line.endswith("}")]


def has_started(program: Any, step: str) -> bool:
    records = records_of(program.local / "journal.jsonl")
    return any(step in record.values() and "started" in record.values() for record in records)


def ends_well(program: Any) -> None:
    """The next deploy is as good as the first one."""
    again = program.run("deploy")
    assert again.returncode == 0, again.stderr.decode()
    found = program.json("status")
    assert found["ready"]
    lines = program.lines()
    assert sum("kvx.supervisor" in line for line in lines) == 1, lines
    assert sum(" serve " in line for line in lines) == 1, lines


@pytest.mark.parametrize("step", STEPS)
def test_a_deploy_killed_in_a_step_is_finished_by_the_next(own_program: Any, step: str) -> None:
    kvx = own_program.start("deploy")
    own_program.until(lambda: has_started(own_program, step) or kvx.poll() is not None)
    kvx.send_signal(signal.SIGKILL)
    kvx.wait(timeout=80)
    ends_well(own_program)


@pytest.mark.parametrize("milliseconds", [30, 300, 1200])
def test_a_deploy_killed_while_the_service_starts_is_finished_by_the_next(
    own_program: Any, milliseconds: int
) -> None:
    kvx = own_program.start("deploy")
    own_program.until(lambda: has_started(own_program, "StartService") or kvx.poll() is not None)
    time.sleep(milliseconds / 1000)
    kvx.send_signal(signal.SIGKILL)
    kvx.wait(timeout=80)
    ends_well(own_program)


def truncated(folder: Path) -> None:
    for graph in folder.rglob("*.onnx"):
        os.truncate(graph, graph.stat().st_size // 2)


def without_tokenizer(folder: Path) -> None:
    (folder / "tokenizer.json").unlink()


def with_wrong_shapes(folder: Path) -> None:
    config = json.loads((folder / "config.json").read_text())
    sizes = {"d_model": config["d_model"] * 2, "num_mel_bins": config["num_mel_bins"] + 7}
    (folder / "config.json").write_text(json.dumps(config | sizes))


@pytest.mark.parametrize("damage", [truncated, without_tokenizer, with_wrong_shapes])
def test_a_damaged_model_is_refused_and_its_repair_is_enough(
    own_program: Any, tmp_path: Path, damage: Callable[[Path], None]
) -> None:
    folder = tmp_path / "model"
    shutil.copytree(EMBEDDED, folder)
    damage(folder)
    refused = own_program.run("deploy", "--model", str(folder))
    *_, message, fix = refused.stderr.decode().splitlines()
    assert refused.returncode == 3, refused.stderr.decode()
    assert fix.startswith("fix: "), message
    assert "Traceback" not in refused.stderr.decode()
    assert not own_program.processes()
    shutil.rmtree(folder)
    shutil.copytree(EMBEDDED, folder)
    assert own_program.run("deploy", "--model", str(folder)).returncode == 0


def test_no_request_fails_while_the_voice_api_is_replaced(own_program: Any) -> None:
    assert own_program.run("deploy").returncode == 0
    address = own_program.json("status")["address"]
    met: list[str] = []
    enough = threading.Event()

    def ask() -> None:
        while not enough.is_set() and len(met) < 5000:
            try:
                answer = client.command_from_text(address, "how many nodes", speak=False, deadline_seconds=60)
                met.append(str(answer["status"]))
            except KvxError as error:
                met.append(error.message)

    with ThreadPoolExecutor(2) as pool:
        asking = [pool.submit(ask) for _ in range(2)]
        try:
            changed = [own_program.run("deploy", "--threads", threads).returncode for threads in ("1", "2")]
        finally:
            enough.set()
        for each in asking:
            each.result(timeout=100)
    assert changed == [0, 0]
    assert set(met) == {"SUCCESS"}, {words: met.count(words) for words in set(met)}
    assert len(met) > 20


@pytest.mark.needs("tmpfs")
def test_a_full_disk_is_told_in_words(own_program: Any, small_disk: Path) -> None:
    try:
        refused = own_program.run("deploy", "--folder", str(small_disk))
        assert refused.returncode == 1
        assert "the disk is full" in refused.stderr.decode()
        assert "Traceback" not in refused.stderr.decode()
    finally:
        own_program.run("cleanup", "--yes", "--folder", str(small_disk))


def test_a_taken_port_is_told_with_its_owner(own_program: Any, taken_port: int) -> None:
    refused = own_program.run("deploy", "--port", str(taken_port))
    *_, message, fix = refused.stderr.decode().splitlines()
    assert refused.returncode == 3
    assert f"port {taken_port} on 127.0.0.1 is taken" in message
    assert f"process {os.getpid()}" in message
    assert fix.startswith("fix: kvx deploy --port")
    own_program.until(lambda: not own_program.processes())

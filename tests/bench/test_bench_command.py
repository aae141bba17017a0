"""voice-api bench as a person and a program meet it: its report, its flags, and engines that fail."""

import argparse
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from voice_api.bench.command import add_arguments, workloads_of
from voice_api.bench.figures import Heard, Spread, Workload
from voice_api.bench.measure import refuse_unequal_work
from voice_api.bench.onnxruntime_time import time_sessions
from voice_api.bench.sounds import spoken
from voice_api.bench.subjects import Subject
from voice_api.bench.worker import Command, Worker
from voice_api.errors import VoiceApiError
from voice_api.settings import SettingsError
from voice_api.speech.protocol import SAMPLE_RATE, TranscribeOptions
from voice_api.speech.whisper.engine import load_whisper

Bench = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Bench:
    """voice-api bench as a program."""

    def run(*flags: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "voice_api", "bench", *flags],
            cwd=tmp_path_factory.mktemp("bench"),
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )

    return run


@pytest.fixture(scope="module")
def report(bench: Bench, small: Subject) -> dict[str, Any]:
    """What a run over two workloads says."""
    flags = ("--model", str(small.folder), "--seconds", "2", "--seconds", "4", "--tokens", "6/9")
    ended = bench(*flags, "--rounds", "3", "--threads", "1", "--json")
    assert ended.returncode == 0, ended.stderr
    found: dict[str, Any] = json.loads(ended.stdout)
    return found


def test_a_report_says_when_where_and_with_what(report: dict[str, Any]) -> None:
    assert report["schema"] == "voice-api/bench/v1"
    assert len(report["date"]) == 10
    assert report["machine"]["threads"] == 1
    assert report["machine"]["memory_bytes"] > 2**28
    assert {"voice-api", "onnxruntime", "numpy", "python"} <= set(report["versions"])
    assert report["missing"] == ["faster-whisper and whisper.cpp, which --peers compares with"]


def test_every_workload_is_heard_as_often_as_asked_and_writes_as_much(report: dict[str, Any]) -> None:
    heard = report["models"][0]["heard"]
    assert [(each["seconds"], each["tokens"]) for each in heard] == [(2, 6), (4, 9)]
    for each in heard:
        milliseconds = each["milliseconds"]
        assert len(milliseconds["rounds"]) == 3
        assert milliseconds["least"] <= milliseconds["median"] <= milliseconds["most"]
        assert len(each["text"].split()) == each["tokens"]


def test_stages_are_parts_of_the_whole(report: dict[str, Any]) -> None:
    for each in report["models"][0]["heard"]:
        stages = each["stages_ms"]
        parts = [stages[name] for name in ("vad", "features", "encode", "decode")]
        assert min(parts) > 0
        assert sum(parts) < 3 * each["milliseconds"]["most"]
        assert 0 < stages["decode within onnxruntime"] < stages["decode"]
        assert stages["per token"] == pytest.approx(stages["decode"] / each["tokens"], abs=0.01)
        assert stages["decode file"] > 0
        assert stages["resample"] > 0


def test_memory_is_that_of_fresh_processes(report: dict[str, Any]) -> None:
    (memory,) = report["models"][0]["memory"]
    assert memory["loaded_bytes"] > 10_000_000
    assert list(memory["after"]) == ["2 s / 6 tokens", "4 s / 9 tokens"]
    for after in memory["after"].values():
        assert after["peak_bytes"] >= after["resident_bytes"] >= 10_000_000
    assert memory["first_answer_ms"]["least"] > 0


def test_limits_follow_from_the_sizes_of_the_model(report: dict[str, Any], small: Subject) -> None:
    costs = report["models"][0]["costs"]
    width, layers, positions = 64, 2, 100
    weights = sum((small.folder / f"{name}.weights").stat().st_size for name in ("decoder", "scores"))
    assert costs["token_bytes"] == weights + layers * 2 * positions * width * 4
    assert costs["position_operations"] == layers * (24 * width**2 + 4 * positions * width)
    assert costs["read_bytes_per_second"] > 1e8
    assert costs["operations_per_second"] > 1e8


def test_a_person_gets_tables(bench: Bench, small: Subject) -> None:
    ended = bench("--model", str(small.folder), "--seconds", "2", "--tokens", "5", "--rounds", "1")
    assert ended.returncode == 0, ended.stderr
    for words in (
        "| 2 s / 5 tokens, sound to words |",
        "| encoder with cross keys and values |",
        "| decode loop outside onnxruntime |",
        "start to first answer",
        "| bytes read per token |",
    ):
        assert words in ended.stdout
    tables = [line for line in ended.stdout.splitlines() if line.startswith("|")]
    assert all(line.endswith("|") for line in tables)


def test_peers_that_are_not_there_are_said(bench: Bench, small: Subject) -> None:
    flags = ("--model", str(small.folder), "--seconds", "1", "--tokens", "4", "--rounds", "1", "--json")
    ended = bench(*flags, "--peers", sys.executable)
    assert ended.returncode == 0, ended.stderr
    missing = json.loads(ended.stdout)["missing"]
    assert [words.partition(",")[0] for words in missing] == ["faster-whisper", "whisper.cpp"]


@pytest.mark.parametrize(
    ("flags", "code", "words"),
    [
        (("--seconds", "0"), 2, "--seconds is not a length"),
        (("--tokens", "2"), 2, "--tokens is not numbers"),
        (("--rounds", "0"), 2, "--rounds is not a number"),
        (("--model", "/nowhere"), 3, "there is no speech model /nowhere"),
        (("--model", "embedded", "--peers", "/nowhere/python"), 3, "/nowhere/python cannot be started"),
    ],
)
def test_what_cannot_be_measured_is_told_in_two_lines(
    bench: Bench, flags: tuple[str, ...], code: int, words: str
) -> None:
    ended = bench(*flags)
    assert ended.returncode == code
    said, fix = ended.stderr.splitlines()[-2:]
    assert said.startswith(f"voice-api: {words}")
    assert fix.startswith("fix: ")
    assert ended.stdout == ""


def test_the_last_number_of_tokens_serves_all_longer_sounds() -> None:
    assert workloads_of((5, 10, 30), "15/20") == (Workload(5, 15), Workload(10, 20), Workload(30, 20))
    assert workloads_of((5,), None) == (Workload(5, None),)
    with pytest.raises(SettingsError):
        workloads_of((5,), "15/")


def test_flags_are_known_without_anything_heavy() -> None:
    script = (
        "import argparse, sys; from voice_api.bench.command import add_arguments;"
        "add_arguments(argparse.ArgumentParser()); print(*sys.modules)"
    )
    ended = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=True
    )
    assert {"numpy", "onnxruntime", "onnx"}.isdisjoint(ended.stdout.split())
    parser = argparse.ArgumentParser()
    add_arguments(parser)
    assert parser.parse_args(["--peers"]).peers == sys.executable


def test_texts_of_different_lengths_are_not_compared() -> None:
    heard = [Heard(name, Workload(5, 4), Spread((1.0,)), len(name), "", {}) for name in ("one", "three")]
    with pytest.raises(VoiceApiError, match="one: 3, three: 5"):
        refuse_unequal_work(heard)
    refuse_unequal_work(heard[:1])


def test_sound_is_of_the_length_asked_for_and_is_speech() -> None:
    sound = spoken(3.5)
    assert sound.size == round(3.5 * SAMPLE_RATE)
    assert 0.01 < float(abs(sound).max()) <= 1.0


def test_time_within_onnxruntime_is_counted_and_the_sessions_are_put_back(small: Subject) -> None:
    whisper = load_whisper(small.folder, 1)
    before = dict(vars(whisper.model.decoder)) if hasattr(whisper.model.decoder, "__dict__") else {}
    clock = time_sessions(whisper.model.decoder)
    with clock:
        whisper.transcribe(spoken(1), TranscribeOptions(language="en"))
    counted = len(clock.runs_ms)
    assert counted > 2
    assert min(clock.runs_ms) > 0
    whisper.transcribe(spoken(1), TranscribeOptions(language="en"))
    assert len(clock.runs_ms) == counted
    assert before == (dict(vars(whisper.model.decoder)) if before else {})


@pytest.mark.parametrize(
    ("argv", "words"),
    [
        ((sys.executable, "-c", "raise SystemExit('no such model')"), "ended: no such model"),
        (("/nowhere/engine",), "cannot be started"),
    ],
)
def test_an_engine_that_dies_is_named_with_its_last_words(argv: tuple[str, ...], words: str) -> None:
    with pytest.raises(VoiceApiError, match=words), Worker(Command("some engine", argv)):
        pass


def test_a_worker_ends_with_its_block(small: Subject) -> None:
    argv = (sys.executable, "-m", "voice_api.bench.own", str(small.folder), '{"threads": 1}')
    with Worker(Command("voice-api", argv)) as worker:
        assert worker.about["resident_bytes"] > 0
        process = worker._process.pid
    assert not Path(f"/proc/{process}").exists()

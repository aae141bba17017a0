"""Measures the speech engine beside its peers, and prints the tables of docs/benchmarks.md.

Run by hand. One command makes all of it, peers and models included (the first time it takes minutes more):
tests/components/environment peers && .venv/bin/python tests/bench/speech.py --work /tmp/kvx-bench
As root it runs at real-time priority, so that other work on the machine does not change the figures.
"""

import argparse
import json
import os
import socket
import statistics
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # as the program does, before numpy loads
sys.path.insert(0, str(Path(__file__).parents[1] / "components" / "peers"))

from fixtures import python as peers_python

from voice_api.bench.figures import Heard, ModelReport, Report, Workload
from voice_api.bench.markdown import MEBI, OURS, TUNED, markdown, outside, table
from voice_api.bench.peers import FASTER_WHISPER, FITTED, WHISPER_CPP
from voice_api.bench.random_model import SIZES
from voice_api.bench.sounds import spoken, wav
from voice_api.bench.subjects import Subject, random_subject
from voice_api.bench.survey import Wish, pinned, survey

CORES = 2
SHORT, LONG = Workload(5.0, 15), Workload(30.0, 80)
STARTS = 5
CALLERS, CALLS = 4, 6
PRIORITY = 10
WAIT_SECONDS = 60


@dataclass(frozen=True, slots=True)
class Goal:
    """One row of what was to be reached; `reached` in words, with its spread where it has one."""

    what: str
    reach: str
    reached: str
    met: bool


@dataclass(frozen=True, slots=True)
class Served:
    """A whole voice API: milliseconds from its start to its first answer, resident bytes at most."""

    first_answer_ms: list[float]
    peak_bytes: int


def tell(words: str) -> None:
    print(words, file=sys.stderr)


@contextmanager
def undisturbed() -> Iterator[None]:
    """Round-robin real time for this process and what it starts, where that is allowed."""
    before = os.sched_getscheduler(0)
    try:
        os.sched_setscheduler(0, os.SCHED_RR, os.sched_param(PRIORITY))
    except PermissionError:
        tell("not allowed to run at real-time priority: keep the machine idle")
    try:
        yield
    finally:
        os.sched_setscheduler(0, before, os.sched_param(0))


@contextmanager
def service(folder: Path) -> Iterator[tuple[str, subprocess.Popen[bytes]]]:
    """The address of a voice API of that model, listening from the first moment; ended with the block."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.set_inheritable(True)
        argv = [sys.executable, "-m", "voice_api", "serve", "--fd", str(listener.fileno())]
        argv += ["--metrics-port", "0", "--model", str(folder), "--threads", str(CORES)]
        process = subprocess.Popen(argv, pass_fds=[listener.fileno()], stderr=subprocess.DEVNULL)
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}", process
        finally:
            process.terminate()
            process.wait(WAIT_SECONDS)


def transcribed(address: str, sound: bytes) -> str:
    """The text of a transcription, as any client of OpenAI's asks for it."""
    mark = "kvx-bench"
    fields = {"model": "whisper-1", "language": "en", "response_format": "json"}
    parts = [
        f'--{mark}\r\nContent-Disposition: form-data; name="{n}"\r\n\r\n{v}\r\n' for n, v in fields.items()
    ]
    file = f'--{mark}\r\nContent-Disposition: form-data; name="file"; filename="a.wav"\r\n\r\n'
    body = "".join(parts).encode() + file.encode() + sound + f"\r\n--{mark}--\r\n".encode()
    request = urllib.request.Request(
        f"{address}/v1/audio/transcriptions", body, {"Content-Type": f"multipart/form-data; boundary={mark}"}
    )
    with urllib.request.urlopen(request, timeout=WAIT_SECONDS) as answer:
        return str(json.loads(answer.read())["text"])


def served(folder: Path, words: int) -> Served:
    """Starts of a voice API with that model, and its memory under several callers."""
    short, long = wav(spoken(SHORT.seconds)), wav(spoken(LONG.seconds))
    firsts = []
    for _ in range(STARTS):
        started = time.perf_counter()
        with service(folder) as (address, _process):
            text = transcribed(address, short)
            firsts.append((time.perf_counter() - started) * 1e3)
        assert len(text.split()) == words, text
    with service(folder) as (address, process), ThreadPoolExecutor(CALLERS) as callers:
        list(callers.map(lambda sound: transcribed(address, sound), [short, long] * (CALLERS * CALLS // 2)))
        lines = Path(f"/proc/{process.pid}/status").read_text().splitlines()
    peak = next(int(line.split()[1]) * 1024 for line in lines if line.startswith("VmHWM"))
    return Served(firsts, peak)


def ratio(report: ModelReport, workload: Workload, reach: float, label: str = "") -> Goal:
    """Ours beside the fastest of all peers at all their settings, and beside what they do by default."""
    heard = [each for each in report.heard if each.workload == workload]
    ours = next(each for each in heard if each.engine == f"{OURS} {label}".strip()).milliseconds
    peers = sorted(
        (each for each in heard if not each.engine.startswith(OURS)),
        key=lambda each: each.milliseconds.median,
    )
    whole = [each for each in peers if FITTED not in each.engine]
    firsts = (
        next(each for each in found if each.engine.startswith(engine))
        for engine, found in ((peers[0].engine, peers), (WHISPER_CPP, whole), (FASTER_WHISPER, whole))
    )
    shown = {each.engine: each for each in firsts}.values()
    beside = ", ".join(
        f"{ours.median / each.milliseconds.median:.2f}x {each.engine} ({each.milliseconds.median:.0f} ms)"
        for each in shown
    )
    what = f"{report.name}, {workload.seconds:g} s, {workload.tokens} tokens, sound to words"
    what += f", {label}" if label else ""
    words = f"{ours.median:.0f} ms ({ours.least:.0f} to {ours.most:.0f}): {beside}"
    met = ours.median / peers[0].milliseconds.median <= reach
    return Goal(what, f"<= {reach:g}x the fastest peer", words, met)


def memory(report: ModelReport) -> Iterator[Goal]:
    ours = next(each for each in report.memory if each.engine == OURS)
    for workload, most in ((SHORT, 256), (LONG, 320)):
        now, peak = (size / MEBI for size in ours.after[str(workload)])
        what = f"{report.name}, resident, loaded and {workload.seconds:g} s heard"
        yield Goal(what, f"<= {most} MiB", f"{now:.0f} MiB, {peak:.0f} at most", peak <= most)


def first_answer(name: str, found: Served, seconds: float) -> Goal:
    middle = statistics.median(found.first_answer_ms) / 1e3
    least, most = min(found.first_answer_ms) / 1e3, max(found.first_answer_ms) / 1e3
    words = f"{middle:.2f} s ({least:.2f} to {most:.2f})"
    what = f"{name}, voice-api serve: start to the first transcription"
    return Goal(what, f"< {seconds:g} s", words, middle < seconds)


def loop(heard: Sequence[Heard]) -> Goal:
    shares = {f"{each.workload.seconds:g} s": outside(each) for each in heard if each.engine == OURS}
    words = ", ".join(f"{name}: {share:.1f} %" for name, share in shares.items())
    return Goal("decode loop outside onnxruntime", "< 10 %", words, max(shares.values()) < 10)


def goals(report: Report, services: dict[str, Served]) -> Iterator[Goal]:
    tiny, base = report.models
    for model in (tiny, base):
        yield ratio(model, SHORT, 0.5)
        yield ratio(model, SHORT, 0.5, TUNED)
    yield ratio(base, LONG, 0.8)
    yield from memory(base)
    most = services["base"].peak_bytes / MEBI
    yield Goal(
        f"whole voice API, base, {CALLERS} callers", "< 400 MiB", f"{most:.0f} MiB at most", most < 400
    )
    yield first_answer("tiny", services["tiny"], 1.0)
    yield first_answer("base", services["base"], 1.5)
    for model in report.models:
        goal = loop(model.heard)
        yield Goal(f"{model.name}, {goal.what}", goal.reach, goal.reached, goal.met)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--work", type=Path, required=True, help="keeps models and what is made of them")
    parser.add_argument("--peers", default=str(peers_python()), help="the Python that has the peers")
    parser.add_argument("--rounds", type=int, default=9)
    parsed = parser.parse_args()
    parsed.work.mkdir(parents=True, exist_ok=True)
    ending: dict[str, Subject] = {
        name: random_subject(SIZES[name], parsed.work, tell, SHORT.tokens) for name in ("tiny", "base")
    }
    for name in ending:
        random_subject(SIZES[name], parsed.work, tell)
    wish = Wish(
        models=[f"random-{name}" for name in ending],
        workloads=(SHORT, LONG),
        rounds=parsed.rounds,
        threads=CORES,
        peers=parsed.peers,
        models_folder=parsed.work,
        work=parsed.work,
    )
    with undisturbed(), pinned(CORES):
        report = survey(wish, tell)
        print(markdown(report), flush=True)
        tell("whole voice APIs")
        services = {name: served(each.folder, SHORT.tokens or 0) for name, each in ending.items()}
    print("## What was to be reached\n")
    rows = [
        (goal.what, goal.reach, goal.reached, "yes" if goal.met else "**no**")
        for goal in goals(report, services)
    ]
    print(table(("what", "reach", "reached", "met"), rows))


if __name__ == "__main__":
    main()

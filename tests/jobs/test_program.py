"""voice-api process as a process: killed, drained and started anew, with the embedded model."""

import io
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
import soundfile

from voice_api.speech.speakers.espeak import EspeakSpeaker

ROUTE = "/v1/audio/transcriptions"
LATER = {"prefer": "respond-async"}
WAIT_SECONDS = 120
ALONE = ("--kubeconfig", "none", "--log-format", "json", "--max-audio-seconds", "3600")
LONG_SECONDS = 900


class Program:
    """One of the two programs as a child process on a socket that this test keeps open."""

    def __init__(self, command: str, log: Path, *flags: str) -> None:
        self.log = log
        self.socket = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self.socket.getsockname()[1]}"
        self._argv = [sys.executable, "-m", "voice_api", command, "--fd", str(self.socket.fileno()), *flags]
        self._argv += ["--metrics-port", "0", *ALONE]
        self.client = httpx.Client(base_url=self.url, timeout=WAIT_SECONDS)
        self.begin()

    def begin(self) -> None:
        """Start it, on the same socket as before."""
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(self._argv, pass_fds=[self.socket.fileno()], stderr=log)

    def kill(self) -> None:
        self.process.kill()
        self.process.wait(WAIT_SECONDS)

    def end(self) -> None:
        if self.process.poll() is None:
            self.kill()
        self.client.close()
        self.socket.close()


@pytest.fixture
def begin(tmp_path: Path) -> Iterator[Callable[..., Program]]:
    begun: list[Program] = []

    def start(command: str, *flags: str) -> Program:
        begun.append(Program(command, tmp_path / f"{command}.log", *flags))
        return begun[-1]

    yield start
    for program in begun:
        program.end()


@pytest.fixture(scope="module")
def long_file() -> bytes:
    """Sentences: so much work for the embedded model that nobody misses when it is done."""
    speaker = EspeakSpeaker()
    spoken = np.concatenate(list(speaker.speak("how many pods are running", None, 1.0)))
    sentence = np.concatenate([spoken, np.zeros(speaker.sample_rate, np.int16)])
    times = LONG_SECONDS * speaker.sample_rate // len(sentence)
    file = io.BytesIO()
    soundfile.write(file, np.tile(sentence, times), speaker.sample_rate, format="FLAC", subtype="PCM_16")
    return file.getvalue()


def send(client: httpx.Client, sound: bytes, **headers: str) -> httpx.Response:
    given = {**LATER, **{name.replace("_", "-"): value for name, value in headers.items()}}
    return client.post(ROUTE, files={"file": ("a.flac", sound)}, headers=given)


def becomes(client: httpx.Client, place: str, *status: str) -> dict[str, Any]:
    deadline = time.monotonic() + WAIT_SECONDS
    while True:
        job: dict[str, Any] = client.get(place).json()
        if job.get("status") in status:
            return job
        assert time.monotonic() < deadline, job
        time.sleep(0.05)


def test_a_job_outlives_the_kill_of_both_sides(
    begin: Callable[..., Program], tmp_path: Path, long_file: bytes
) -> None:
    processor = begin("process", "--jobs-folder", str(tmp_path / "jobs"))
    api = begin("serve", "--processor-url", processor.url)
    answer = send(api.client, long_file, idempotency_key="the-long-one")
    assert answer.status_code == 202
    place = answer.headers["location"]
    becomes(api.client, place, "in_progress")
    processor.kill()
    api.kill()
    api.begin()
    processor.begin()
    again = send(api.client, long_file, idempotency_key="the-long-one")
    assert again.headers["location"] == place
    job = becomes(api.client, place, "completed", "failed")
    assert (job["status"], job["attempts"]) == ("completed", 2)
    words = api.client.get(job["result"]).json()["text"]
    assert words.count("pods are running") > LONG_SECONDS // 5
    assert list((tmp_path / "jobs" / "sounds").iterdir()) == []


def test_a_drain_gives_the_job_back_and_ends_in_time(
    begin: Callable[..., Program], tmp_path: Path, long_file: bytes
) -> None:
    processor = begin("process", "--jobs-folder", str(tmp_path / "jobs"))
    place = send(processor.client, long_file).headers["location"]
    becomes(processor.client, place, "in_progress")
    processor.process.send_signal(signal.SIGTERM)
    assert processor.process.wait(WAIT_SECONDS) == 0
    processor.begin()
    assert becomes(processor.client, place, "completed", "failed")["attempts"] == 1


def test_a_second_processor_of_the_same_jobs_is_refused(
    begin: Callable[..., Program], tmp_path: Path
) -> None:
    first = begin("process", "--jobs-folder", str(tmp_path / "jobs"))
    assert first.client.get("/ready").status_code == 200
    argv = [sys.executable, "-m", "voice_api", "process", "--port", "0", "--metrics-port", "0"]
    argv += ["--jobs-folder", str(tmp_path / "jobs")]
    done = subprocess.run(argv, capture_output=True, text=True, timeout=WAIT_SECONDS, check=False)
    assert done.returncode == 3
    assert "another process hears the jobs in" in done.stderr
    assert "Traceback" not in done.stderr


def test_nothing_that_was_said_is_in_its_log(
    begin: Callable[..., Program], tmp_path: Path, long_file: bytes
) -> None:
    processor = begin("process", "--jobs-folder", str(tmp_path / "jobs"))
    place = send(processor.client, long_file[:60_000]).headers["location"]
    becomes(processor.client, place, "completed", "failed")
    deadline = time.monotonic() + WAIT_SECONDS
    while '"outcome"' not in processor.log.read_text():
        assert time.monotonic() < deadline, "the job's own line is not there"
        time.sleep(0.05)
    assert "pods are running" not in processor.log.read_text()
    assert Path(place).name in processor.log.read_text()

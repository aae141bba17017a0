"""A service on a free port of this machine, with the real engines or with a stand-in for a fault."""

import asyncio
import io
import json
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
import soundfile
import soxr
import uvicorn
from numpy.typing import NDArray

from voice_api.app import build_app
from voice_api.cluster.demo import DemoCluster
from voice_api.commands.core import CommandCore
from voice_api.http.engines import Engines
from voice_api.http.service import Service, open_service
from voice_api.settings import Settings
from voice_api.speech.protocol import ALONE, Company, Listener, Speaker, TranscribeOptions, Transcript, Voice

sys.path.append(str(Path(__file__).parent))

WAIT_SECONDS = 80


class ScriptedListener:
    """Stands for a model: says the line it was given, once it may, or fails as it was told to."""

    name = "scripted"

    def __init__(self, says: str = "how many pods are running") -> None:
        self.says = says
        self.doubtful = False
        self.fault: Exception | None = None
        self.heard = 0
        self.options = TranscribeOptions()
        self.retries: tuple[str, ...] = ()
        self.listening = threading.Event()
        self.may_answer = threading.Event()
        self.may_answer.set()

    def transcribe(
        self, samples: NDArray[np.float32], options: TranscribeOptions, company: Company = ALONE
    ) -> Transcript:
        self.heard += 1
        self.options = options
        self.listening.set()
        assert self.may_answer.wait(WAIT_SECONDS)
        if self.fault:
            raise self.fault
        timings = {"vad": 1.0, "features": 1.0, "encode": 1.0, "decode": 1.0}
        seconds = len(samples) / 16_000
        return Transcript(
            text=self.says,
            language="en",
            duration_seconds=seconds,
            segments=(),
            confidence=0.2 if self.doubtful else 0.9,
            doubtful=self.doubtful,
            reason=None,
            timings_ms=timings,
            retries=self.retries,
        )


class SlowSpeaker:
    """Stands for a speaker that takes its time: the same short tone again and again, with a pause."""

    name = "slow"
    sample_rate = 24_000

    def __init__(self, pieces: int, pause_seconds: float) -> None:
        self.pieces = pieces
        self.pause_seconds = pause_seconds
        self.spoken = 0

    def voices(self) -> tuple[Voice, ...]:
        return ()

    def speak(self, text: str, voice: str | None, speed: float) -> Iterator[NDArray[np.int16]]:
        for _ in range(self.pieces):
            time.sleep(self.pause_seconds)
            self.spoken += 1
            yield np.full(2_400, 1_000, np.int16)


@dataclass(frozen=True)
class Running:
    """A service that answers at `url`."""

    url: str
    service: Service
    client: httpx.Client


class Program:
    """`voice-api serve` as a child process on a socket that this test keeps open."""

    def __init__(self, folder: Path, *flags: str, environment: dict[str, str] | None = None) -> None:
        self.log = folder / "log"
        self.socket = socket.create_server(("127.0.0.1", 0))
        self.metrics_socket = socket.create_server(("127.0.0.1", 0))
        descriptors = (self.socket.fileno(), self.metrics_socket.fileno())
        given = ("--fd", str(descriptors[0]), "--metrics-fd", str(descriptors[1]), "--kubeconfig", "none")
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "voice_api", "serve", *given, *flags],
                pass_fds=descriptors,
                stderr=log,
                env=os.environ | (environment or {}),
            )
        self.url = f"http://127.0.0.1:{self.socket.getsockname()[1]}"
        self.metrics_url = f"http://127.0.0.1:{self.metrics_socket.getsockname()[1]}/metrics"

    def lines(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.log.read_text().splitlines()]

    def end(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait(WAIT_SECONDS)
        self.socket.close()
        self.metrics_socket.close()


Start = Callable[..., Running]


@pytest.fixture(scope="session")
def engines() -> Engines:
    """The real parts: the embedded model, espeak-ng, and the commands over the demo cluster."""
    from voice_api.model import load_model
    from voice_api.speech.speakers.espeak import EspeakSpeaker

    cluster = DemoCluster()
    listener: Listener = load_model("embedded", Path("/nowhere"), 2)
    speaker: Speaker = EspeakSpeaker()
    return Engines(listener, speaker, CommandCore(cluster), cluster.description)


@pytest.fixture(scope="session")
def embedded_folder() -> Path:
    from voice_api.model import EMBEDDED_FOLDER

    return EMBEDDED_FOLDER


@pytest.fixture(scope="session")
def scripted() -> type[ScriptedListener]:
    return ScriptedListener


@pytest.fixture(scope="session")
def slow_speaker() -> type[SlowSpeaker]:
    return SlowSpeaker


@pytest.fixture(scope="session")
def recording(engines: Engines) -> Callable[..., bytes]:
    """A sentence spoken into a file: recording("how many pods", "flac")."""

    def record(
        text: str = "how many pods are running", container: str = "WAV", subtype: str = "PCM_16"
    ) -> bytes:
        sound = np.concatenate(list(engines.speaker.speak(text, None, 1.0)))
        file = io.BytesIO()
        rate = engines.speaker.sample_rate
        if subtype == "OPUS":
            sound, rate = soxr.resample(sound, rate, 24_000), 24_000
        soundfile.write(file, sound, rate, format=container, subtype=subtype)
        return file.getvalue()

    return record


@pytest.fixture(scope="session")
def silence() -> bytes:
    """Two seconds of wav in which nothing is said."""
    file = io.BytesIO()
    soundfile.write(file, np.zeros(32_000, np.int16), 16_000, format="WAV", subtype="PCM_16")
    return file.getvalue()


@pytest.fixture
def start(engines: Engines) -> Iterator[Start]:
    """Start services with other settings or with a stand-in in place of one engine."""
    with _starting(engines) as begin:
        yield begin


@pytest.fixture(scope="module")
def running(engines: Engines) -> Iterator[Running]:
    """One service with the real engines that has proved itself, for tests that change nothing in it."""
    with _starting(engines) as begin:
        yield begin()


class _starting:  # noqa: N801  reads as the words it stands for
    def __init__(self, engines: Engines) -> None:
        self._engines = engines
        self._ends: list[Callable[[], None]] = []

    def __enter__(self) -> Start:
        return self._begin

    def __exit__(self, *_: object) -> None:
        for end in reversed(self._ends):
            end()

    def _begin(self, *, proved: bool = True, **given: Any) -> Running:
        parts = {
            name: given.pop(name)
            for name in ("listener", "speaker", "commands", "names", "users")
            if name in given
        }
        engines = replace(self._engines, **parts)
        elsewhere = given.pop("elsewhere", None)
        service = open_service(Settings(**given), engines, elsewhere)
        if proved:
            asyncio.run(service.prove())
        listening = socket.create_server(("127.0.0.1", 0))
        server = uvicorn.Server(
            uvicorn.Config(
                build_app(service), log_config=None, http="httptools", ws="websockets-sansio", lifespan="on"
            )
        )
        thread = threading.Thread(target=server.run, args=([listening],), daemon=True)
        thread.start()
        _until(lambda: server.started)
        url = f"http://127.0.0.1:{listening.getsockname()[1]}"
        client = httpx.Client(base_url=url, timeout=WAIT_SECONDS)

        def end() -> None:
            client.close()
            server.should_exit = True
            thread.join(WAIT_SECONDS)

        self._ends.append(end)
        return Running(url, service, client)


def _until(true: Callable[[], bool]) -> None:
    deadline = time.monotonic() + WAIT_SECONDS
    while not true():
        assert time.monotonic() < deadline, "it did not become true in time"
        time.sleep(0.01)


@pytest.fixture(scope="session")
def until() -> Callable[[Callable[[], bool]], None]:
    """Wait until something is true, with a deadline."""
    return _until


@pytest.fixture(scope="session")
def program() -> type[Program]:
    return Program


@pytest.fixture
def begin(tmp_path: Path) -> Iterator[Callable[..., Program]]:
    begun: list[Program] = []

    def start(*flags: str, environment: dict[str, str] | None = None) -> Program:
        folder = tmp_path / str(len(begun))
        folder.mkdir()
        begun.append(Program(folder, *flags, environment=environment))
        return begun[-1]

    yield start
    for program in begun:
        program.end()

"""A queue whose clock is a test's; a processor and a voice API with an ear that says what it is told to."""

import io
import socket
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
import soundfile
import uvicorn
from fastapi import FastAPI
from numpy.typing import NDArray

from voice_api.app import build_app, build_processor_app
from voice_api.cluster.demo import DemoCluster
from voice_api.commands.core import CommandCore
from voice_api.figures import Figures
from voice_api.http.engines import Engines
from voice_api.http.processing import open_processor, open_queue
from voice_api.http.service import open_service
from voice_api.jobs.queue import Bounds, Queue
from voice_api.settings import Settings
from voice_api.speech.protocol import ALONE, Company, Segment, TranscribeOptions, Transcript, Voice

WAIT_SECONDS = 60

BOUNDS = Bounds(jobs=8, held_bytes=1_000, attempts=3, keep_seconds=100)


class Hand:
    """A clock that is turned by hand."""

    def __init__(self) -> None:
        self.now = 1_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def hand() -> Hand:
    return Hand()


@pytest.fixture
def opened(tmp_path: Path, hand: Hand) -> Iterator[Callable[..., Queue]]:
    """Open the queue of this test; what was open before is closed, as its process would have ended."""
    now: list[Queue] = []

    def open_it(bounds: Bounds = BOUNDS) -> Queue:
        while now:
            now.pop().close()
        now.append(Queue(tmp_path / "jobs", bounds, hand))
        return now[0]

    yield open_it
    while now:
        now.pop().close()


class Ear:
    """Stands for a model: says its line of whatever it hears; waits while it is held."""

    name = "ear"

    def __init__(self) -> None:
        self.line = "what was said in the meeting"
        self.listening = threading.Event()
        self.held = False
        self.heard = 0

    def transcribe(
        self, samples: NDArray[np.float32], options: TranscribeOptions, company: Company = ALONE
    ) -> Transcript:
        self.heard += 1
        self.listening.set()
        while self.held:
            company.go_on()
            time.sleep(0.001)
        seconds = len(samples) / 16_000
        segment = Segment(0.0, seconds, self.line, -0.1, 0.0, (1,))
        company.heard(segment)
        return Transcript(self.line, "en", seconds, (segment,), 0.9, False, None, {"decode": 1.0})


class Mouth:
    """Stands for a speaker, which nobody asks here."""

    name = "mouth"
    sample_rate = 16_000

    def voices(self) -> tuple[Voice, ...]:
        return ()

    def speak(self, text: str, voice: str | None, speed: float) -> Iterator[NDArray[np.int16]]:
        yield np.zeros(1_600, np.int16)


@pytest.fixture
def ear() -> Ear:
    return Ear()


@pytest.fixture(scope="session")
def wav() -> Callable[[float], bytes]:
    """A wav file with a tone of so many seconds."""

    def tone(seconds: float) -> bytes:
        file = io.BytesIO()
        samples = np.sin(np.arange(int(seconds * 8_000)) / 3).astype(np.float32) / 2
        soundfile.write(file, samples, 8_000, format="WAV", subtype="PCM_16")
        return file.getvalue()

    return tone


class Served:
    """An application on a free port of this machine, until `end`."""

    def __init__(self, app: FastAPI) -> None:
        listening = socket.create_server(("127.0.0.1", 0))
        config = uvicorn.Config(app, log_config=None, http="httptools", lifespan="on")
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(target=self._server.run, args=([listening],), daemon=True)
        self._thread.start()
        deadline = time.monotonic() + WAIT_SECONDS
        while not self._server.started:
            assert time.monotonic() < deadline
            time.sleep(0.005)
        self.url = f"http://127.0.0.1:{listening.getsockname()[1]}"
        self.client = httpx.Client(base_url=self.url, timeout=WAIT_SECONDS)
        self.figures = Figures()

    def end(self) -> None:
        self.client.close()
        self._server.should_exit = True
        self._thread.join(WAIT_SECONDS)


@pytest.fixture
def serve() -> Iterator[Callable[[FastAPI], Served]]:
    begun: list[Served] = []

    def begin(app: FastAPI) -> Served:
        begun.append(Served(app))
        return begun[-1]

    yield begin
    for each in reversed(begun):
        each.end()


@pytest.fixture
def processor(tmp_path: Path, ear: Ear, serve: Callable[[FastAPI], Served]) -> Callable[..., Served]:
    """A processor with the ear, over the jobs of this test."""

    def begin(**given: Any) -> Served:
        settings = Settings(jobs_folder=str(tmp_path / "jobs"), **given)
        made = open_processor(settings, ear, open_queue(settings, tmp_path))
        made.readiness.decode_worked()
        made.worker.start()
        served = serve(build_processor_app(made))
        served.figures = made.figures
        return served

    return begin


@pytest.fixture
def voice_api(ear: Ear, serve: Callable[[FastAPI], Served]) -> Callable[..., Served]:
    """A voice API with the ear."""

    def begin(**given: Any) -> Served:
        cluster = DemoCluster()
        engines = Engines(ear, Mouth(), CommandCore(cluster), cluster.description)
        return serve(build_app(open_service(Settings(**given), engines)))

    return begin

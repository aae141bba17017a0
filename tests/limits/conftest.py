"""The voice API program in little memory and a part of a core, with a model of the base size."""

import contextlib
import hashlib
import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import httpx
import psutil
import pytest

from voice_api.bench.random_model import SIZES, documents, random_weights
from voice_api.bench.random_tokenizer import tokenizer_document
from voice_api.bench.sounds import spoken, wav
from voice_api.bench.subjects import for_compiling
from voice_api.speech.whisper.compile.write import CompileOptions, write_compiled

sys.path.insert(0, str(Path(__file__).parents[1] / "components" / "whisper"))

from make_folder import FolderOptions, folder_for

ROOT = Path(__file__).parents[2]
CACHE = Path.home() / ".cache" / "kvx" / "components"
TEXT_TOKENS = 20
START_SECONDS = 120
ANSWER_SECONDS = 120


@dataclass(frozen=True)
class Program:
    """`voice-api serve`, started as a person would; pid is its own even where a shell began it."""

    process: "subprocess.Popen[bytes]"
    client: httpx.Client
    log: Path

    def memory(self, kind: str = "VmRSS") -> float:
        """MiB, by a name of /proc/PID/status: VmRSS, VmHWM (the most), RssAnon (not given back by itself)."""
        lines = Path(f"/proc/{self.process.pid}/status").read_text().splitlines()
        return next(int(line.split()[1]) / 1024 for line in lines if line.startswith(f"{kind}:"))

    def processor_seconds(self) -> float:
        used = psutil.Process(self.process.pid).cpu_times()
        return used.user + used.system

    def hear(self, seconds: float) -> httpx.Response:
        files = {"file": ("speech.wav", wav(spoken(seconds)), "audio/wav")}
        return self.client.post("/v1/audio/transcriptions", files=files, data={"model": "whisper-1"})


StartProgram = Callable[..., Program]


@pytest.fixture(scope="session")
def base_folder() -> Path:
    """A compiled int8 model of Whisper base's sizes with drawn weights, which writes TEXT_TOKENS tokens.

    Drawing and compiling takes half a minute; kept for as long as what makes it stays the same.
    """
    packages = (ROOT / "voice_api/voice_api/bench", ROOT / "voice_api/voice_api/speech/whisper")
    sources = [Path(__file__), *(file for package in packages for file in sorted(package.rglob("*.py")))]
    key = hashlib.sha256(b"".join(file.read_bytes() for file in sources)).hexdigest()[:16]
    folder = CACHE / f"compiled-base-{key}"
    if not folder.is_dir():
        CACHE.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=CACHE) as work:
            _write_base(Path(work), Path(work) / "compiled")
            try:
                (Path(work) / "compiled").rename(folder)
            except OSError:  # another process was faster
                shutil.rmtree(Path(work) / "compiled")
    return folder


@pytest.fixture(scope="session")
def small_published_folder() -> Path:
    """A small random model as transformers would publish it."""
    return folder_for(FolderOptions())


def _write_base(documents_folder: Path, target: Path) -> None:
    size = SIZES["base"]
    for name, document in {**documents(size), "tokenizer.json": tokenizer_document()}.items():
        (documents_folder / name).write_text(json.dumps(document))
    weights = for_compiling(random_weights(size, TEXT_TOKENS))
    write_compiled(weights, documents_folder, target, CompileOptions("int8"), lambda _: None)


@pytest.fixture
def start_program(tmp_path: Path) -> Iterator[StartProgram]:
    """start_program("--model", FOLDER, wrap=group.command) serves, once it answers."""
    with contextlib.ExitStack() as programs:
        yield lambda *flags, **how: programs.enter_context(running(tmp_path, *flags, **how))


@pytest.fixture(scope="module")
def resident_bytes(base_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> int:
    """What a service with that model holds when it has started, without a limit."""
    with running(tmp_path_factory.mktemp("free"), "--model", str(base_folder)) as program:
        return int(program.memory() * 1024 * 1024)


@contextlib.contextmanager
def running(
    folder: Path,
    *flags: str,
    wrap: Callable[..., Sequence[str]] = lambda *words: words,
    environment: Mapping[str, str] = os.environ,
) -> Iterator[Program]:
    """A service that answers; its log is in `folder`."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        program = _begin(folder, listening, wrap(*serve_on(listening), *flags), environment)
    try:
        _wait_until_it_answers(program)
        yield program
    finally:
        program.process.kill()
        program.process.wait(60)
        program.client.close()


def serve_on(listening: socket.socket) -> Sequence[str]:
    descriptor = str(listening.fileno())
    return sys.executable, "-m", "voice_api", "serve", "--kubeconfig", "none", "--fd", descriptor


def _begin(
    folder: Path, listening: socket.socket, command: Sequence[str], environment: Mapping[str, str]
) -> Program:
    log = folder / "log"
    with log.open("ab") as stream:
        process = subprocess.Popen(
            command, pass_fds=(listening.fileno(),), stderr=stream, env=dict(environment)
        )
    url = f"http://127.0.0.1:{listening.getsockname()[1]}"
    return Program(process, httpx.Client(base_url=url, timeout=ANSWER_SECONDS, trust_env=False), log)


def _wait_until_it_answers(program: Program) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        assert program.process.poll() is None, program.log.read_text()
        try:
            program.client.get("/health", timeout=60)
        except httpx.TransportError:
            time.sleep(0.1)
        else:
            return
    raise AssertionError(program.log.read_text())

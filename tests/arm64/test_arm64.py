"""The voice API on the processor it is made for, a Neoverse-N1, as qemu computes it: function, not speed.

The Python, the wheels and the instructions are aarch64's own; tests/components/arm64 makes them.
"""

import json
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

from voice_api.bench.sounds import wav
from voice_api.model import EMBEDDED_FOLDER
from voice_api.speech.protocol import SAMPLE_RATE
from voice_api.speech.speakers.espeak import EspeakSpeaker

sys.path.insert(0, str(Path(__file__).parents[1] / "components" / "arm64"))
sys.path.insert(0, str(Path(__file__).parents[1] / "components" / "whisper"))

from instructions import counts
from make_folder import FolderOptions, folder_for

ROOT = Path(__file__).parents[2]
COMPONENTS = ROOT / "tests" / "components"
SENTENCES = (
    "how many pods are running",
    "list the deployments in the namespace kube-system",
    "what is the status of node one",
)
LARGEST_DIFFERENCE = 0.05
"""Of a confidence: int8 products are rounded alike, what surrounds them in another order."""

TESTS_OF_THE_ENGINE = ("rules", "scores", "windows", "processor")
RUN_SECONDS = 540
pytestmark = [pytest.mark.needs("arm64"), pytest.mark.timeout(600)]


@pytest.fixture(scope="module")
def run(arm64: Any) -> Callable[..., "subprocess.CompletedProcess[str]"]:
    """run("-m", "voice_api", "version") under qemu."""

    def command(*words: str) -> "subprocess.CompletedProcess[str]":
        return subprocess.run(
            arm64.command(*words),
            env=arm64.environment,
            cwd=ROOT,
            check=False,  # how it ended is the test's matter
            capture_output=True,
            text=True,
            timeout=RUN_SECONDS,
        )

    return command


@pytest.fixture(scope="module")
def sounds(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """SENTENCES spoken, and kept as they are for both processors."""
    import soxr

    speaker, file = EspeakSpeaker(), tmp_path_factory.mktemp("sounds") / "sounds.npz"
    spoken = {}
    for sentence in SENTENCES:
        said = np.concatenate(list(speaker.speak(sentence, None, 1.0))) / np.float32(32_768)
        spoken[sentence] = np.asarray(soxr.resample(said, speaker.sample_rate, SAMPLE_RATE), np.float32)
    np.savez(file, **spoken)
    return file


def test_the_same_words_are_heard_as_on_x86_with_about_the_same_confidence(
    run: Callable[..., Any], sounds: Path
) -> None:
    listen = (str(Path(__file__).with_name("listen.py")), str(EMBEDDED_FOLDER), str(sounds))
    there = run(*listen)
    assert there.returncode == 0, there.stderr
    here = subprocess.run(
        [sys.executable, *listen], capture_output=True, text=True, timeout=RUN_SECONDS, check=True
    )
    arm, own = json.loads(there.stdout), json.loads(here.stdout)
    assert (arm["machine"], arm["int8"]) == ("aarch64", "SDOT/UDOT")
    assert arm["heard"][SENTENCES[0]]["text"] == SENTENCES[0]
    assert {name: arm["heard"][name]["text"] for name in SENTENCES} == {
        name: own["heard"][name]["text"] for name in SENTENCES
    }
    difference = max(abs(arm["heard"][n]["confidence"] - own["heard"][n]["confidence"]) for n in SENTENCES)
    print(f"largest difference of a confidence from {own['machine']}: {difference:.4f}")
    assert difference < LARGEST_DIFFERENCE


def test_the_engines_own_tests_pass(run: Callable[..., Any]) -> None:
    files = [f"tests/speech/test_{name}.py" for name in TESTS_OF_THE_ENGINE]
    done = run("-m", "pytest", "-q", "-p", "no:cacheprovider", "--durations=5", *files)
    assert done.returncode == 0, done.stdout + done.stderr
    print(done.stdout.splitlines()[-1])


def test_a_published_folder_is_compiled_and_listens(run: Callable[..., Any], tmp_path: Path) -> None:
    published, compiled = folder_for(FolderOptions()), tmp_path / "compiled"
    done = run("-m", "voice_api", "model", "compile", str(published), "--output", str(compiled))
    assert done.returncode == 0, done.stdout + done.stderr
    about = json.loads((compiled / "compiled.json").read_text())
    assert about["machine"] == "aarch64"
    checked = run("-m", "voice_api", "model", "check", str(compiled))
    assert checked.returncode in (0, 1), checked.stderr  # a random model is not expected to hear right
    assert "heard:" in checked.stdout


@pytest.fixture
def service(arm64: Any, tmp_path: Path) -> Iterator[httpx.Client]:
    """`voice-api serve` under qemu, with the embedded model and the demo cluster."""
    with socket.create_server(("127.0.0.1", 0)) as listening, (tmp_path / "log").open("wb") as log:
        number = listening.fileno()
        words = ("-m", "voice_api", "serve", "--kubeconfig", "none", "--fd", str(number))
        process = subprocess.Popen(
            arm64.command(*words), env=arm64.environment, stderr=log, pass_fds=(number,), cwd=ROOT
        )
        url = f"http://127.0.0.1:{listening.getsockname()[1]}"
    try:
        with httpx.Client(base_url=url, timeout=120, trust_env=False) as client:
            wait_until_ready(client, process, tmp_path / "log")
            yield client
        process.send_signal(signal.SIGTERM)
        assert process.wait(60) == 0
    finally:
        if process.poll() is None:
            process.kill()
            process.wait(10)


def wait_until_ready(client: httpx.Client, process: "subprocess.Popen[bytes]", log: Path) -> None:
    deadline = time.monotonic() + RUN_SECONDS
    while time.monotonic() < deadline:
        assert process.poll() is None, log.read_text()
        try:
            if client.get("/ready").status_code == 200:
                return
        except httpx.TransportError:
            pass
        time.sleep(0.5)
    raise AssertionError(log.read_text())


def test_a_spoken_question_is_answered(service: httpx.Client, sounds: Path) -> None:
    speech = wav(np.load(sounds)[SENTENCES[0]])
    answer = service.post(
        "/v1/audio/transcriptions", files={"file": ("a.wav", speech)}, data={"model": "whisper-1"}
    )
    assert answer.status_code == 200, answer.text
    assert answer.json()["text"] == SENTENCES[0]
    processor = service.get("/health").json()["cpu"]
    assert processor["machine"] == "aarch64"
    assert "asimddp" in processor["features"]


def test_the_library_has_the_instructions_that_make_a_neoverse_n1_fast(arm64: Any) -> None:
    (library,) = (arm64.packages / "onnxruntime" / "capi").glob("onnxruntime_pybind11_state*.so")
    found = counts(library)
    print(", ".join(f"{count} {name}" for name, count in found.items()))
    assert found["sdot"] > 1_000
    assert found["udot"] > 100
    assert found["fmla of halves"] > 1_000


def test_the_wheels_are_the_versions_that_machines_get() -> None:
    """requirements/runtime.txt pins them; `tests/components/arm64/compile` follows it."""
    pinned = versions(ROOT / "requirements" / "runtime.txt")
    here = versions(COMPONENTS / "arm64" / "requirements.txt")
    assert {name: pinned[name] for name in here if name in pinned} == {
        name: version for name, version in here.items() if name in pinned
    }
    assert {"onnxruntime", "numpy", "tokenizers"} <= here.keys() & pinned.keys()


def versions(requirements: Path) -> dict[str, str]:
    """Those that hold for Python 3.11."""
    lines = (line.split(" \\")[0] for line in requirements.read_text().splitlines() if "==" in line)
    wanted = (line for line in lines if "python_full_version >= '3.12'" not in line)
    return dict(line.split(" ;")[0].split("==") for line in wanted if not line.startswith(" "))

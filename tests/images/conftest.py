"""Somebody who builds images with kvx."""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parent))
sys.path.insert(0, str(Path(__file__).parents[1] / "components" / "images"))

from as_a_user import KVX, User, cloned
from container import Unpacked, unpack
from workshop import IMAGES, REVISION, tools


@pytest.fixture(scope="session")
def clone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Of kvx, for those who build from it: nobody commits to it meanwhile; mark tests needs("git")."""
    return cloned(tmp_path_factory.mktemp("clone") / "kvx")


@pytest.fixture
def user(tmp_path: Path, clone: Path, workshop: Any) -> User:
    """In an empty folder; mark tests needs("images", "docker", "git")."""
    return User(tmp_path, clone, workshop)


@pytest.fixture(scope="session")
def built(workshop: Any, clone: Path) -> Any:
    """All images are in the workshop's registry as NAME:tests, for both processors."""
    workshop.bake("tests", source=clone)
    return workshop


@pytest.fixture(scope="session")
def verified(built: Any, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What kvx images verify tells of them, by name."""
    names = [f"{built.registry}/{name}:tests" for name in IMAGES]
    command = [*KVX, "images", "verify", *names, "--json", "--revision", REVISION]
    folder = tmp_path_factory.mktemp("verify")
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=600, check=False)
    assert done.stdout, done.stderr
    return dict(zip(IMAGES, json.loads(done.stdout)["images"], strict=True))


@pytest.fixture(scope="session")
def unpacked(built: Any, tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Unpacked]:
    """unpacked("arm64", "kvx"): the image's files on this machine; the voice API's without a name."""
    folder = tmp_path_factory.mktemp("unpacked")
    known: dict[tuple[str, str], Unpacked] = {}

    def of(architecture: str, name: str = "voice-api") -> Unpacked:
        if (name, architecture) not in known:
            emulator = tools() / "buildkit-qemu-aarch64" if architecture == "arm64" else None
            beneath = of(architecture) if name == "voice-processor" else None
            place = (f"http://{built.registry}/v2/{name}", "tests", architecture)
            known[name, architecture] = unpack(
                *place, folder / f"{name}-{architecture}", emulator, beneath=beneath
            )
        return known[name, architecture]

    return of


@pytest.fixture(scope="session")
def sentence() -> str:
    """What is said in the sound."""
    return "how many pods are running"


@pytest.fixture(scope="session")
def sound(sentence: str) -> bytes:
    """The sentence, spoken."""
    import numpy as np
    import soxr

    from voice_api.bench.sounds import wav
    from voice_api.speech.protocol import SAMPLE_RATE
    from voice_api.speech.speakers.espeak import EspeakSpeaker

    speaker = EspeakSpeaker()
    said = np.concatenate(list(speaker.speak(sentence, None, 1.0))) / np.float32(32_768)
    return wav(np.asarray(soxr.resample(said, speaker.sample_rate, SAMPLE_RATE), np.float32))

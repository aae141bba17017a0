"""The voice processor's image: that of the voice API with another command, run as the cluster runs it."""

import os
import re
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "components" / "images"))

from container import USER, Container, Unpacked, running, wait_until_ready
from workshop import tools

ROOT = Path(__file__).parents[2]
READY_SECONDS = HEARD_SECONDS = 300.0
built_one = pytest.mark.needs("images")
FILE = ROOT / "docker" / "voice-processor.Dockerfile"


def test_it_is_made_of_the_voice_api_and_runs_nothing() -> None:
    words = re.findall(r"^([A-Z]+) (\S+)", FILE.read_text(), re.MULTILINE)
    assert [rest for word, rest in words if word == "FROM"] == ["voice-api"]
    assert not {word for word, _ in words} & {"RUN", "ADD", "USER", "ENTRYPOINT"}
    assert [rest for word, rest in words if word == "COPY"] == ["--from=voice-api"]
    assert 'CMD ["process"]' in FILE.read_text()


def test_nothing_of_the_folder_reaches_its_builder() -> None:
    ignored = FILE.with_name(f"{FILE.name}.dockerignore").read_text().splitlines()
    assert [line for line in ignored if not line.startswith("#")] == ["*"]


def test_its_dockerfile_is_as_the_linter_wants_it() -> None:
    argv = [Path(sys.executable).with_name("hadolint"), FILE]
    done = subprocess.run(argv, capture_output=True, text=True, timeout=60, check=False)
    assert (done.stdout, done.returncode) == ("", 0)


def test_its_health_check_is_python() -> None:
    (code,) = re.findall(r'"-c", "(.*)"\]', FILE.read_text())
    compile(code.replace('\\"', '"'), "health", "exec")


@built_one
@pytest.mark.timeout(1500)
def test_it_is_proven_for_both_processors_and_has_nothing_of_its_own_but_a_folder(
    verified: dict[str, Any], unpacked: Callable[..., Unpacked]
) -> None:
    image, beneath = verified["voice-processor"], verified["voice-api"]
    assert image["findings"] == []
    assert set(image["platforms"]) == {"linux/arm64", "linux/amd64"}
    for platform, each in image["platforms"].items():
        assert each["size_bytes"] - beneath["platforms"][platform]["size_bytes"] < 10_000
    assert len(unpacked("amd64", "voice-processor").layers) == len(unpacked("amd64").layers) + 1
    jobs = unpacked("amd64", "voice-processor").root / "jobs"
    assert (jobs.stat().st_uid, list(jobs.iterdir())) == (USER, [])


@pytest.fixture(scope="module")
def processor(
    unpacked: Callable[..., Unpacked], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Container, httpx.Client]]:
    """It runs, locked down as the voice API does, with a volume for its jobs."""
    image = unpacked("amd64", "voice-processor")
    jobs = tmp_path_factory.mktemp("jobs")
    os.chown(jobs, USER, USER)
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    settings = {"KVX_VOICE_PORT": str(port), "KVX_VOICE_HOST": "127.0.0.1", "KVX_VOICE_METRICS_PORT": "0"}
    begun = running(image, tools() / "runc", image.root.parent, environment=settings, mounted={"/jobs": jobs})
    with begun as container:
        url = f"http://127.0.0.1:{port}"
        wait_until_ready(container, url, READY_SECONDS)
        with httpx.Client(base_url=url, trust_env=False, timeout=120) as client:
            yield container, client


@built_one
@pytest.mark.timeout(1500)
def test_it_hears_a_file_later_and_says_where_to_ask(
    processor: tuple[Container, httpx.Client], sound: bytes, sentence: str
) -> None:
    container, client = processor
    taken = client.post(
        "/v1/audio/transcriptions",
        headers={"Prefer": "respond-async"},
        files={"file": ("a.wav", sound)},
        data={"model": "whisper-1"},
    )
    assert taken.status_code == 202, container.log.read_text()
    end = time.monotonic() + HEARD_SECONDS
    while (answer := client.get(f"{taken.headers['location']}/result")).status_code != 200:
        assert time.monotonic() < end, (answer.status_code, answer.text, container.log.read_text())
        time.sleep(0.1)
    assert answer.json()["text"] == sentence


@built_one
@pytest.mark.timeout(1500)
def test_its_health_check_passes(processor: tuple[Container, httpx.Client]) -> None:
    container, _ = processor
    done = container.execute(*container.image.configuration["config"]["Healthcheck"]["Test"][1:])
    assert (done.returncode, done.stderr) == (0, "")

"""The image of the voice processor is that of the voice API with another command, and nothing else."""

import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
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

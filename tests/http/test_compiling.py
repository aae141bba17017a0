"""voice-api model compile: where the result goes, that serve finds it, and what it never replaces."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import httpx
import pytest

from voice_api.compiled_copies import compiled_copy, remember_copy
from voice_api.errors import VoiceApiError
from voice_api.speech.whisper.layout import COMPILED_SCHEMA


@pytest.fixture
def published(tmp_path: Path, embedded_folder: Path) -> Path:
    """A published folder of one's own: the embedded model's files, under another name."""
    folder = tmp_path / "mine"
    shutil.copytree(embedded_folder, folder)
    return folder


def voice_api(*flags: str) -> Any:
    command = [sys.executable, "-m", "voice_api", "model", *flags]
    return subprocess.run(command, capture_output=True, text=True, timeout=150, check=False)


def pretend_compiled(folder: Path) -> None:
    folder.mkdir(parents=True)
    about = {"precision": "int8", "schema": COMPILED_SCHEMA}
    (folder / "compiled.json").write_text(json.dumps(about))


def test_a_copy_is_found_as_long_as_the_published_files_are_the_same(published: Path, tmp_path: Path) -> None:
    copy = tmp_path / ".compiled" / "abc-int8"
    pretend_compiled(copy)
    assert compiled_copy(tmp_path, published) is None
    remember_copy(tmp_path, published, copy)
    assert compiled_copy(tmp_path, published) == copy
    graph = next(published.rglob("encoder_model*.onnx"))
    about = graph.stat()
    os.utime(graph, ns=(about.st_atime_ns, about.st_mtime_ns + 1))
    assert compiled_copy(tmp_path, published) is None


def test_a_copy_that_was_deleted_is_not_loaded(published: Path, tmp_path: Path) -> None:
    copy = tmp_path / ".compiled" / "abc-int8"
    pretend_compiled(copy)
    remember_copy(tmp_path, published, copy)
    shutil.rmtree(copy)
    assert compiled_copy(tmp_path, published) is None


def test_a_copy_of_another_version_is_not_loaded(published: Path, tmp_path: Path) -> None:
    copy = tmp_path / ".compiled" / "abc-int8"
    pretend_compiled(copy)
    remember_copy(tmp_path, published, copy)
    about = json.loads((copy / "compiled.json").read_text())
    (copy / "compiled.json").write_text(json.dumps(about | {"schema": "kvx/compiled-model/v1"}))
    assert compiled_copy(tmp_path, published) is None


def test_a_copy_that_cannot_be_noted_is_an_error_with_a_fix(published: Path, tmp_path: Path) -> None:
    with pytest.raises(VoiceApiError) as caught:
        remember_copy(tmp_path / "nowhere", published, tmp_path / "copy")
    assert "--output" in caught.value.fix


def test_a_compiled_model_is_served_in_place_of_the_published_one_and_hears_the_same(
    published: Path, tmp_path: Path, begin: Any, recording: Any
) -> None:
    models = ("--models-folder", str(tmp_path / "models"))
    made = voice_api("compile", str(published), *models)
    assert made.returncode == 0, made.stderr
    compiled = Path(made.stdout.strip())
    assert (compiled / "compiled.json").is_file()
    assert compiled.parent == tmp_path / "models" / ".compiled"
    assert "compiled in" in made.stderr
    assert "MB at most" in made.stderr
    again = voice_api("compile", str(published), "--if-needed", *models)
    assert again.stdout == made.stdout
    assert "up to date" in again.stderr
    program = begin("--model", str(published), *models)
    files = {"file": recording()}
    heard = httpx.post(f"{program.url}/v1/audio/transcriptions", files=files, timeout=60).json()
    report = httpx.get(f"{program.url}/health", timeout=60).json()
    assert heard["text"] == "how many pods are running"
    assert report["engine"]["listener"] == "mine"
    assert report["model"]["precision"] == "int8"
    assert report["model"]["attention"]
    assert not [line for line in program.lines() if "compiled" in line["message"]]
    shutil.rmtree(compiled)
    program = begin("--model", str(published), *models)
    httpx.get(f"{program.url}/ready", timeout=60)
    hint = next(line for line in program.lines() if "compiled" in line["message"])
    assert hint["fix"] == f"voice-api model compile {published}"


def test_an_added_model_is_compiled_unless_it_is_wanted_as_it_is(published: Path, tmp_path: Path) -> None:
    models = ("--models-folder", str(tmp_path / "models"))
    assert voice_api("add", str(published), "--name", "small", *models).returncode == 0
    assert voice_api("add", str(published), "--name", "plain", "--as-is", *models).returncode == 0
    compiled = tmp_path / "models" / "small"
    assert voice_api("add", str(compiled), "--name", "copy", *models).returncode == 0
    listed = [line.split("\t") for line in voice_api("list", *models).stdout.splitlines()]
    assert {row[0]: row[2] for row in listed} == {
        "embedded": "as published",
        "copy": "compiled, int8",
        "plain": "as published",
        "small": "compiled, int8",
    }
    assert "heard: how many pods are running" in voice_api("check", "copy", *models).stdout
    again = voice_api("compile", str(compiled), *models)
    assert again.returncode == 3
    assert again.stderr.count("\n") == 2
    assert voice_api("compile", str(compiled), "--if-needed", *models).stdout.strip() == str(compiled)


def test_an_output_that_holds_something_else_is_left_alone(published: Path, tmp_path: Path) -> None:
    output = tmp_path / "photos"
    output.mkdir()
    (output / "summer.jpg").write_text("sun")
    refused = voice_api("compile", str(published), "--output", str(output))
    assert refused.returncode == 3
    assert "holds something else" in refused.stderr
    assert (output / "summer.jpg").read_text() == "sun"


@pytest.mark.parametrize("given", [("/nowhere",), ("mine", "--precision", "int3")])
def test_what_cannot_be_compiled_is_said_with_a_fix(given: tuple[str, ...], tmp_path: Path) -> None:
    refused = voice_api("compile", *given, "--models-folder", str(tmp_path))
    assert refused.returncode in (2, 3)
    assert "Traceback" not in refused.stderr

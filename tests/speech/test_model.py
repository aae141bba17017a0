"""Models are found by name, and one that is added is whole or not there at all."""

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from voice_api.adding import ABANDONED_SECONDS, ADDING, add_model
from voice_api.errors import VoiceApiError
from voice_api.model import check_model, kept_models, load_model, model_folder

ADD_SLOWLY = """
import shutil, sys, time
from pathlib import Path
from voice_api.adding import add_model

def slowly(source, target):
    shutil.copyfile(source, target)
    time.sleep(600)

add_model(Path(sys.argv[1]), "slow", Path(sys.argv[2]), copy=slowly)
"""


def names(models_folder: Path) -> list[str]:
    return [kept.name for kept in kept_models(models_folder)]


def test_an_added_model_is_listed_found_and_listens(small_folder: Path, tmp_path: Path) -> None:
    kept = add_model(small_folder, "mine", tmp_path / "models")
    assert kept.folder == tmp_path / "models" / "mine"
    assert kept.size_bytes > 100_000
    assert names(tmp_path / "models") == ["embedded", "mine"]
    assert model_folder("mine", tmp_path / "models") == kept.folder
    assert load_model("mine", tmp_path / "models", 0).name == "mine"


def test_only_what_is_loaded_is_copied(make_folder: Callable[..., Path], tmp_path: Path) -> None:
    source = make_folder(suffixes=("", "_int8"), graphs=("encoder_model", "decoder_model_merged"))
    kept = add_model(source, "mine", tmp_path)
    graphs = sorted(path.name for path in kept.folder.rglob("*.onnx"))
    assert graphs == ["decoder_model_merged_int8.onnx", "encoder_model_int8.onnx"]
    assert not (kept.folder / "reference").exists()


def test_a_check_tells_what_was_heard(small_folder: Path, tmp_path: Path) -> None:
    checked = check_model(str(small_folder), tmp_path)
    assert checked.folder == small_folder
    assert checked.heard
    assert checked.load_seconds > 0 < checked.listen_seconds


@pytest.mark.parametrize("name", ["", ".", "..", "../up", "a/b", ".hidden", "embedded", "x" * 65, "sp ace"])
def test_a_name_that_could_be_a_path_is_refused(small_folder: Path, name: str, tmp_path: Path) -> None:
    models = tmp_path / "models"
    with pytest.raises(VoiceApiError):
        add_model(small_folder / "..", name, models) if name == "" else add_model(small_folder, name, models)
    assert not models.exists() or not any(models.iterdir())


def test_a_name_that_is_taken_is_refused(small_folder: Path, tmp_path: Path) -> None:
    add_model(small_folder, "mine", tmp_path)
    with pytest.raises(VoiceApiError) as refused:
        add_model(small_folder, "mine", tmp_path)
    assert refused.value.code == "name_taken"


@pytest.mark.parametrize("damaged", ["encoder_model_int8.onnx", "decoder_model_merged_int8.onnx"])
def test_a_damaged_model_never_becomes_visible(small_folder: Path, damaged: str, tmp_path: Path) -> None:
    source, models = tmp_path / "source", tmp_path / "models"
    shutil.copytree(small_folder, source, ignore=shutil.ignore_patterns("reference"))
    (source / "onnx" / damaged).write_bytes(b"half")
    with pytest.raises(VoiceApiError):
        add_model(source, "mine", models)
    assert list(models.iterdir()) == []


def test_a_copy_that_fails_leaves_nothing(small_folder: Path, tmp_path: Path) -> None:
    def disk_full(_source: Path, target: Path) -> None:
        if target.name.startswith("decoder"):
            raise OSError(28, "No space left on device")
        target.touch()

    with pytest.raises(VoiceApiError) as refused:
        add_model(small_folder, "mine", tmp_path / "models", copy=disk_full)
    assert "disk is full" in refused.value.message
    assert list((tmp_path / "models").iterdir()) == []


def test_a_process_killed_while_adding_leaves_nothing_that_has_a_name(
    small_folder: Path, tmp_path: Path
) -> None:
    models = tmp_path / "models"
    adding = subprocess.Popen([sys.executable, "-c", ADD_SLOWLY, str(small_folder), str(models)])
    try:
        deadline = time.monotonic() + 120
        while not list(models.glob(f"{ADDING}*/slow/*")):
            assert adding.poll() is None
            assert time.monotonic() < deadline
            time.sleep(0.02)
        assert names(models) == ["embedded"]
        adding.send_signal(signal.SIGKILL)
    finally:
        adding.kill()
        adding.wait(timeout=60)
    assert names(models) == ["embedded"]
    left = list(models.iterdir())
    assert len(left) == 1
    long_ago = time.time() - ABANDONED_SECONDS - 1
    os.utime(left[0], (long_ago, long_ago))
    assert add_model(small_folder, "slow", models).name == "slow"
    assert [path.name for path in models.iterdir()] == ["slow"]


@pytest.mark.parametrize("name", ["nothing", "", "no/such/folder"])
def test_a_model_that_is_not_there_is_told_with_a_fix(name: str, tmp_path: Path) -> None:
    with pytest.raises(VoiceApiError) as refused:
        model_folder(name, tmp_path)
    assert (refused.value.code, refused.value.status) == ("model_missing", 404)

"""Published folders to compile, and compiled ones to listen with."""

import sys
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from typing import Any

import pytest

from voice_api.speech.whisper.compile.folder import CompileOptions, compile_folder
from voice_api.speech.whisper.compiled import CompiledDecoder, CompiledEncoder
from voice_api.speech.whisper.config import read_architecture

sys.path += [str(Path(__file__).parent), str(Path(__file__).parents[1] / "components" / "whisper")]

from compile_cases import MERGED
from make_folder import FolderOptions, folder_for


@pytest.fixture(scope="session")
def published() -> Callable[..., Path]:
    """published(bins=128, ...) gives a folder; made once per machine, and never changed by a test."""

    @lru_cache
    def make(**options: Any) -> Path:
        return folder_for(FolderOptions(**{"graphs": MERGED, **options}))

    return make


@pytest.fixture(scope="session")
def compiled(published: Callable[..., Path], tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Path]:
    """compiled("int8", bins=128, ...) gives the compiled form of such a folder."""

    @lru_cache
    def make(precision: Any = "fp32", language: str | None = None, **options: Any) -> Path:
        target = tmp_path_factory.mktemp("compiled") / "model"
        compile_folder(published(**options), target, CompileOptions(precision, language), lambda _: None)
        return target

    return make


@pytest.fixture(scope="session")
def load() -> Callable[[Path], tuple[CompiledEncoder, CompiledDecoder]]:
    """The loaded graphs of a compiled folder, on one thread: other tests share the cores."""

    @lru_cache
    def read(folder: Path) -> tuple[CompiledEncoder, CompiledDecoder]:
        return CompiledEncoder(folder, 1), CompiledDecoder(folder, read_architecture(folder), 1)

    return read


@pytest.fixture(scope="session")
def original() -> Callable[[Path], Any]:
    """The transformers model that a published folder was written from."""

    @lru_cache
    def read(folder: Path) -> Any:
        import torch
        from transformers import WhisperForConditionalGeneration

        torch.set_num_threads(1)
        model = WhisperForConditionalGeneration.from_pretrained(
            folder / "reference", attn_implementation="eager"
        )
        return model.train(False)

    return read

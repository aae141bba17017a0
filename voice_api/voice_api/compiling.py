"""Published model folders made small and fast: where the result goes, and what a person is told."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeAlias, cast

from voice_api.compiled_copies import remember_copy
from voice_api.errors import VoiceApiError
from voice_api.model import compiled_precision
from voice_api.speech.whisper.compile.folder import (
    Compiled,
    CompileOptions,
    compile_folder,
    compiled_cache,
)

Precision: TypeAlias = Literal["int8", "int4", "fp32"]
Say: TypeAlias = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class CompileWish:
    """How to compile; if_needed takes a folder that is compiled already for an answer."""

    precision: str = "int8"
    language: str | None = None
    if_needed: bool = False

    @property
    def options(self) -> CompileOptions:
        return CompileOptions(precision=cast(Precision, self.precision), language=self.language)


def compile_model(
    source: Path, output: Path | None, models_folder: Path, wish: CompileWish, say: Say
) -> Path:
    """Compile a folder to `output`, or to where `serve` finds it; the compiled folder.

    What is there already with this content is left as it is. VoiceApiError for an output that holds
    something else than a compiled model, and for every damage of the source.
    """
    if compiled_precision(source):
        return _already(source, wish, say)
    target = output or compiled_cache(models_folder, source, wish.options)
    _refuse_occupied(target)
    _told(compile_folder(source, target, wish.options, say), say)
    if output is None:
        remember_copy(models_folder, source, target)
    return target


def compile_to(wish: CompileWish, say: Say) -> Callable[[Path, Path], None]:
    """For `add_model`: writes the folder that it is to keep."""

    def make(source: Path, target: Path) -> None:
        _told(compile_folder(source, target, wish.options, say), say)

    return make


def _already(source: Path, wish: CompileWish, say: Say) -> Path:
    if not wish.if_needed:
        fix = f"serve it as it is: voice-api serve --model {source}"
        raise VoiceApiError("already_compiled", f"{source} is compiled already", fix)
    say(f"{source} is compiled already")
    return source


def _refuse_occupied(target: Path) -> None:
    """A compiled model may be replaced by another; nothing else may."""
    if target.is_dir() and any(target.iterdir()) and not compiled_precision(target):
        message = f"{target} holds something else than a compiled model"
        raise VoiceApiError("output_occupied", message, "name a new folder with --output", 409)
    if target.exists() and not target.is_dir():
        message = f"{target} is no folder"
        raise VoiceApiError("output_occupied", message, "name a new folder with --output", 409)


def _told(compiled: Compiled, say: Say) -> None:
    if compiled.fresh:
        say(f"compiled in {compiled.seconds:.1f} s, with {compiled.peak_memory_bytes / 1e6:.0f} MB at most")
    else:
        say(f"{compiled.folder} is up to date")

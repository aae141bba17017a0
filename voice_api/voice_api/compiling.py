"""Published model folders made small and fast: where the result goes, and what a person is told."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeAlias, cast

from voice_api.errors import VoiceApiError
from voice_api.model import COMPILED, compiled_precision
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
    """How to compile; if_needed takes what is compiled already for an answer."""

    precision: str = "int8"
    language: str | None = None
    if_needed: bool = False


def compile_model(
    source: Path, output: Path | None, models_folder: Path, wish: CompileWish, say: Say
) -> Path:
    """Compile a folder to `output`, or to where `serve` finds it by its content; the compiled folder.

    VoiceApiError where it is compiled already, unless that is wanted, and for every damage of the folder.
    """
    if compiled_precision(source):
        if wish.if_needed:
            say(f"{source} is compiled already")
            return source
        fix = f"serve it as it is: voice-api serve --model {source}"
        raise VoiceApiError("already_compiled", f"{source} is compiled already", fix)
    options = _options(wish)
    cached = compiled_cache(models_folder, source, options)
    target = output or cached
    if compiled_precision(target):
        if wish.if_needed and _same(target, cached):
            say(f"{target} is up to date")
            return target
        fix = "delete it first, or name another with --output; --if-needed keeps what is up to date"
        raise VoiceApiError("already_compiled", f"there is a compiled model in {target}", fix, 409)
    _told(compile_folder(source, target, options, say), say)
    return target


def compile_to(wish: CompileWish, say: Say) -> Callable[[Path, Path], None]:
    """For `add_model`: writes the folder that it is to keep."""

    def make(source: Path, target: Path) -> None:
        _told(compile_folder(source, target, _options(wish), say), say)

    return make


def _options(wish: CompileWish) -> CompileOptions:
    return CompileOptions(precision=cast(Precision, wish.precision), language=wish.language)


def _same(target: Path, cached: Path) -> bool:
    """Whether a compiled folder is of the content and precision that the cache's name stands for."""
    about = json.loads((target / COMPILED).read_text(encoding="utf-8"))
    return str(cached.name).startswith(str(about["source"]["sha256"])) and cached.name.endswith(
        about["precision"]
    )


def _told(compiled: Compiled, say: Say) -> None:
    say(f"compiled in {compiled.seconds:.1f} s, with {compiled.peak_memory_bytes / 1e6:.0f} MB at most")

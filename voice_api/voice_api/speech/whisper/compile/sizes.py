"""What graphs are written for: the sizes of a model, and how each part of it is computed."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from voice_api.speech.whisper.compile.writer import Precision
from voice_api.speech.whisper.config import Architecture, read_architecture
from voice_api.speech.whisper.documents import read_document, read_if_present

Hearing = Literal["plain", "fused"]
"""How a step attends to the sound: as plain products, or in one operator."""


@dataclass(frozen=True, slots=True)
class Sizes:
    """Of both graphs; alignment_heads are (layer, head) pairs of the decoder that follow the sound."""

    architecture: Architecture
    encoder_layers: int
    encoder_heads: int
    alignment_heads: tuple[tuple[int, int], ...]

    @property
    def width(self) -> int:
        return self.architecture.d_model

    @property
    def layers(self) -> int:
        return self.architecture.decoder_layers

    @property
    def heads(self) -> int:
        return self.architecture.decoder_attention_heads

    @property
    def head_size(self) -> int:
        return self.architecture.head_size

    @property
    def listening(self) -> tuple[int, ...]:
        """The layers that have alignment heads."""
        return tuple(sorted({layer for layer, _ in self.alignment_heads}))


@dataclass(frozen=True, slots=True)
class Kernels:
    """How each part is computed."""

    layers: Precision
    head: Precision
    hearing: Hearing


def read_sizes(folder: Path) -> Sizes:
    """What config.json and generation_config.json of a published folder say."""
    architecture = read_architecture(folder)
    config = read_document(folder / "config.json")
    if config.values.get("activation_function", "gelu") != "gelu":
        raise config.wrong("activation_function", "gelu, as in every Whisper")
    return Sizes(
        architecture,
        encoder_layers=config.whole("encoder_layers"),
        encoder_heads=config.whole("encoder_attention_heads"),
        alignment_heads=_alignment_heads(folder, architecture),
    )


def _alignment_heads(folder: Path, architecture: Architecture) -> tuple[tuple[int, int], ...]:
    document = read_if_present(folder / "generation_config.json")
    listed = document.values.get("alignment_heads") or []
    limits = architecture.decoder_layers, architecture.decoder_attention_heads
    if not isinstance(listed, list) or not all(_is_head(entry, limits) for entry in listed):
        raise document.wrong("alignment_heads", f"pairs of a layer and a head below {limits}")
    return tuple((layer, head) for layer, head in listed)


def _is_head(entry: object, limits: tuple[int, int]) -> bool:
    return (
        isinstance(entry, list)
        and len(entry) == 2
        and all(
            isinstance(each, int) and 0 <= each < limit for each, limit in zip(entry, limits, strict=True)
        )
    )

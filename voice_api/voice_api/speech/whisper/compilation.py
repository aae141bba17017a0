"""What compiled.json says, and whether the files beside it are still what it says."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from voice_api.speech.processor import Processor, processor
from voice_api.speech.whisper.documents import read_document
from voice_api.speech.whisper.errors import ModelFolderError

COMPILE_AGAIN = "compile the published folder again: voice-api model compile FOLDER"
COMPILE_HERE = "compile the published folder on this kind of machine: voice-api model compile FOLDER"
SAFE_EVERYWHERE = 63
"""The largest int8 weight for x86 without VNNI, which adds two products in 16 bits: there these fit."""


@dataclass(frozen=True, slots=True)
class Compilation:
    """What the runtime reads of compiled.json.

    score_again_within  how near to the best a token's score must be to be computed again from the
                        embedding in half precision; 0 where the graph's own scores stand
    alignment_heads     (layer, head) pairs that follow the sound
    """

    files: Mapping[str, str]
    score_again_within: float
    alignment_heads: tuple[tuple[int, int], ...]


def read_compilation(folder: Path) -> Compilation:
    """Read compiled.json and check every file it lists; raises ModelFolderError."""
    document = read_document(folder / "compiled.json")
    files = document.values.get("files")
    heads = document.values.get("alignment_heads")
    if not isinstance(files, dict) or not isinstance(heads, list):
        raise ModelFolderError(f"{document.path} lacks files or alignment_heads", COMPILE_AGAIN)
    if document.whole("largest_int8", 0) > SAFE_EVERYWHERE and not adds_in_32_bits():
        raise ModelFolderError(f"{folder} was compiled for a processor with VNNI", COMPILE_HERE)
    for name, digest in files.items():
        _check(folder / name, digest)
    return Compilation(
        files=files,
        score_again_within=document.number("score_again_within", 0.0),
        alignment_heads=tuple((int(layer), int(head)) for layer, head in heads),
    )


def adds_in_32_bits(here: Processor | None = None) -> bool:
    """Whether products of bytes are added without loss, so that weights may use all of a byte."""
    found = here or processor()
    return found.machine != "x86_64" or any("vnni" in name or "amx" in name for name in found.features)


def _check(file: Path, digest: object) -> None:
    try:
        with file.open("rb") as stream:
            found = hashlib.file_digest(stream, "sha256").hexdigest()
    except OSError as error:
        raise ModelFolderError(f"{file} cannot be read: {error.strerror}", COMPILE_AGAIN) from error
    if found != digest:
        raise ModelFolderError(f"{file} is damaged: its checksum is not that of compiled.json", COMPILE_AGAIN)

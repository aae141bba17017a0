"""Weights in the safetensors format, which every converter of Whisper models reads."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from voice_api.errors import VoiceApiError

FILE = "model.safetensors"
KINDS: Mapping[str, np.dtype[Any]] = {"F32": np.dtype("<f4"), "F16": np.dtype("<f2")}
HEADER_LENGTH_BYTES = 8
LONGEST_HEADER_BYTES = 100_000_000


@dataclass(frozen=True, slots=True)
class Entry:
    """Where one array lies in a file; offsets count from its first byte."""

    kind: np.dtype[Any]
    shape: tuple[int, ...]
    start: int
    end: int


def read_weights(folder: Path) -> dict[str, NDArray[np.float32]]:
    """All arrays of a folder's model.safetensors in float32; VoiceApiError where it cannot be read."""
    path = folder / FILE
    try:
        entries = _entries(path)
        content = np.memmap(path, dtype=np.uint8, mode="r")
        return {name: _array(content, entry) for name, entry in entries.items()}
    except OSError as error:
        raise _unreadable(path, str(error.strerror)) from error
    except (ValueError, KeyError, TypeError) as error:
        raise _unreadable(path, "it is damaged, or holds weights of another kind") from error


def write_weights(folder: Path, weights: Mapping[str, NDArray[np.float32]]) -> None:
    header: dict[str, object] = {"__metadata__": {"format": "pt"}}
    offset = 0
    for name, values in weights.items():
        header[name] = {
            "dtype": "F32",
            "shape": list(values.shape),
            "data_offsets": [offset, offset + values.nbytes],
        }
        offset += values.nbytes
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % HEADER_LENGTH_BYTES)
    with (folder / FILE).open("wb") as file:
        file.write(len(text).to_bytes(HEADER_LENGTH_BYTES, "little") + text)
        for values in weights.values():
            file.write(np.ascontiguousarray(values, dtype="<f4").data)


def _entries(path: Path) -> dict[str, Entry]:
    with path.open("rb") as file:
        length = int.from_bytes(file.read(HEADER_LENGTH_BYTES), "little")
        if length > min(LONGEST_HEADER_BYTES, path.stat().st_size):
            raise ValueError(length)
        header = json.loads(file.read(length))
    base = HEADER_LENGTH_BYTES + length
    return {
        name: Entry(
            KINDS[entry["dtype"]], tuple(entry["shape"]), *(base + at for at in entry["data_offsets"])
        )
        for name, entry in header.items()
        if name != "__metadata__"
    }


def _array(content: NDArray[np.uint8], entry: Entry) -> NDArray[np.float32]:
    values = content[entry.start : entry.end].view(entry.kind).reshape(entry.shape)
    return np.asarray(values, dtype=np.float32)


def _unreadable(path: Path, reason: str) -> VoiceApiError:
    fix = "copy the model's folder again whole, with its model.safetensors in fp32 or fp16"
    return VoiceApiError("weights_unreadable", f"{path} cannot be read: {reason}", fix)

"""ONNX files read without their weights, which stay on disk until one of them is asked for."""

import mmap
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnx
from google.protobuf.message import DecodeError  # type: ignore[import-untyped]
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

from voice_api.speech.whisper.errors import ModelFolderError

COPY_AGAIN = "copy it again whole; a large graph also needs its .onnx_data file beside it"
LEFT_ON_DISK_FROM_BYTES = 1024

# Field numbers of onnx.proto: where a message holds messages that may hold weights.
CHILDREN = {
    ("model", 7): "graph",
    ("graph", 1): "node",
    ("graph", 5): "tensor",
    ("node", 5): "attribute",
    ("attribute", 5): "tensor",
    ("attribute", 6): "graph",
}
RAW_DATA, EXTERNAL_DATA, DATA_LOCATION = 9, 13, 14
VARINT, EIGHT_BYTES, LENGTH_DELIMITED, FOUR_BYTES = 0, 1, 2, 5
Field = tuple[int, int, int, int, int]
"""Number, wire type, and offsets: of the tag, of the content, of what follows."""


@dataclass(frozen=True, slots=True)
class OnnxFile:
    """A graph whose larger weights are references to bytes of files."""

    path: Path
    model: onnx.ModelProto

    def array(self, tensor: TensorProto) -> NDArray[np.generic]:
        """The values of a weight; a large one is mapped, not read."""
        if tensor.data_location != TensorProto.EXTERNAL:
            return numpy_helper.to_array(tensor)
        place = {entry.key: entry.value for entry in tensor.external_data}
        file = self._beside(place["location"])
        kind = helper.tensor_dtype_to_np_dtype(tensor.data_type)
        try:
            return np.memmap(file, kind, "r", int(place.get("offset", 0)), tuple(tensor.dims))
        except (OSError, ValueError) as error:
            raise ModelFolderError(f"{file} does not hold the weight {tensor.name}", COPY_AGAIN) from error

    def files_beside(self) -> list[Path]:
        """The files that weights lie in, without the graph's own; each is there."""
        named = {
            entry.value
            for tensor in _tensors(self.model.graph)
            for entry in tensor.external_data
            if entry.key == "location"
        }
        files = [self._beside(name) for name in sorted(named - {self.path.name})]
        for missing in (file for file in files if not file.is_file()):
            raise ModelFolderError(f"{missing} is missing: weights of {self.path} lie in it", COPY_AGAIN)
        return files

    def _beside(self, location: str) -> Path:
        file = self.path.parent / location
        if not file.resolve().is_relative_to(self.path.parent.resolve()):
            raise ModelFolderError(f"{self.path} names weights outside its folder: {file}", COPY_AGAIN)
        return file


def _tensors(graph: onnx.GraphProto) -> Iterator[TensorProto]:
    """The weights of a graph and of its branches."""
    yield from graph.initializer
    for node in graph.node:
        for attribute in node.attribute:
            yield from _tensors(attribute.g)


def read_onnx(path: Path) -> OnnxFile:
    """Read a graph; ModelFolderError for a file that is none."""
    try:
        content = without_weights(path)
        return OnnxFile(path, onnx.ModelProto.FromString(content))
    except (IndexError, OSError, ValueError, DecodeError) as error:
        raise ModelFolderError(f"{path} cannot be read as a graph: {error!s:.120}", COPY_AGAIN) from error


def without_weights(path: Path) -> bytes:
    """The file as a message in which large weights name their place in the file itself.

    onnxruntime and `OnnxFile` then map them like the weights of an .onnx_data file: a model is never
    held in memory whole.
    """
    with path.open("rb") as file:
        size = path.stat().st_size
        if not size:
            raise ValueError("it is empty")
        with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
            return _rewritten(content, 0, size, "model", path.name)


def _rewritten(content: mmap.mmap, start: int, end: int, kind: str, name: str) -> bytes:
    parts: list[bytes] = []
    references: list[bytes] = []  # last, where they win over a data_location that the file gives itself
    for number, wire, tag, begin, after in _fields(content, start, end):
        child = CHILDREN.get((kind, number))
        if child is not None and wire == LENGTH_DELIMITED:
            inner = _rewritten(content, begin, after, child, name)
            parts.append(_delimited(number, inner))
        elif kind == "tensor" and number == RAW_DATA and after - begin >= LEFT_ON_DISK_FROM_BYTES:
            references.append(_reference(name, begin, after - begin))
        else:
            parts.append(content[tag:after])
    return b"".join([*parts, *references])


def _reference(name: str, offset: int, length: int) -> bytes:
    """The fields of a TensorProto that say where its bytes are."""
    entries = {"location": name, "offset": str(offset), "length": str(length)}
    told = b"".join(
        _delimited(EXTERNAL_DATA, _delimited(1, key.encode()) + _delimited(2, value.encode()))
        for key, value in entries.items()
    )
    return told + _number(DATA_LOCATION << 3 | VARINT) + _number(TensorProto.EXTERNAL)


def _fields(content: mmap.mmap, start: int, end: int) -> Iterator[Field]:
    position = start
    while position < end:
        tag = position
        key, position = _varint(content, position)
        begin, wire = position, key & 7
        if wire == VARINT:
            _, position = _varint(content, position)
        elif wire == LENGTH_DELIMITED:
            length, begin = _varint(content, position)
            position = begin + length
        elif wire in (EIGHT_BYTES, FOUR_BYTES):
            position += 8 if wire == EIGHT_BYTES else 4
        else:
            raise ValueError(f"a field of kind {wire} at byte {tag}")
        if position > end:
            raise ValueError(f"it ends within a field that begins at byte {tag}")
        yield key >> 3, wire, tag, begin, position


def _varint(content: mmap.mmap, position: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = content[position]
        value |= (byte & 0x7F) << shift
        position += 1
        if byte < 0x80:
            return value, position
        shift += 7
        if shift > 63:
            raise ValueError(f"a number without end at byte {position}")


def _delimited(number: int, content: bytes) -> bytes:
    return _number(number << 3 | LENGTH_DELIMITED) + _number(len(content)) + content


def _number(value: int) -> bytes:
    parts = bytearray()
    while value >= 0x80:
        parts.append(value & 0x7F | 0x80)
        value >>= 7
    parts.append(value)
    return bytes(parts)

"""The parts that Whisper's ONNX graphs are written of: weights, products, attention."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper

INT8_LARGEST = 63
"""Seven bits: x86 without VNNI adds two products in 16 bits, where 255 * 63 * 2 still fits."""

Weights = Mapping[str, NDArray[np.float32]]


@dataclass(frozen=True, slots=True)
class Shape:
    """The sizes a graph is written for; names as in a Whisper config.json."""

    d_model: int
    heads: int
    layers: int
    bins: int
    source_positions: int
    vocab_size: int

    @property
    def head_size(self) -> int:
        return self.d_model // self.heads


@dataclass(slots=True)
class GraphWriter:
    """Nodes and weights of one graph; graphs written with the same `stored` share their weights."""

    weights: Weights
    shape: Shape
    int8: bool
    prefix: str = ""
    stored: dict[str, TensorProto] = field(default_factory=dict)
    nodes: list[onnx.NodeProto] = field(default_factory=list)
    quantised: dict[str, list[str]] = field(default_factory=dict)

    def add(self, operator: str, *inputs: str, outputs: int = 1, **attributes: Any) -> list[str]:
        """Append a node and return the names of its outputs."""
        name = f"{self.prefix}{operator}_{len(self.nodes)}"
        names = [f"{name}/{index}" for index in range(outputs)]
        self.nodes.append(helper.make_node(operator, list(inputs), names, name=name, **attributes))
        return names

    def one(self, operator: str, *inputs: str, **attributes: Any) -> str:
        return self.add(operator, *inputs, **attributes)[0]

    def store(self, name: str, values: NDArray[Any]) -> str:
        if name not in self.stored:
            self.stored[name] = numpy_helper.from_array(np.asarray(values, order="C"), name)
        return name

    def integers(self, *values: int) -> str:
        return self.store("integers_" + "_".join(map(str, values)), np.array(values, dtype=np.int64))

    def integer(self, value: int) -> str:
        return self.store(f"integer_{value}", np.array(value, dtype=np.int64))

    def number(self, value: float) -> str:
        return self.store(f"number_{value}", np.array(value, dtype=np.float32))

    def weight(self, name: str) -> str:
        return self.store(name, self.weights[name])

    def rename(self, value: str, name: str) -> None:
        """Give a value the name it has outside the graph."""
        self.nodes.append(helper.make_node("Identity", [value], [name], name=f"{self.prefix}as_{name}"))


def product(writer: GraphWriter, value: str, name: str, matrix: NDArray[np.float32]) -> str:
    """`value` times a constant matrix [inputs, outputs], in int8 where the writer says so."""
    if not writer.int8:
        return writer.one("MatMul", value, writer.store(name, matrix))
    if value not in writer.quantised:
        writer.quantised[value] = writer.add("DynamicQuantizeLinear", value, outputs=3)
    integers, scale, zero = writer.quantised[value]
    steps = np.maximum(np.abs(matrix).max(axis=0), 1e-12) / INT8_LARGEST
    rounded = np.clip(np.rint(matrix / steps), -INT8_LARGEST, INT8_LARGEST).astype(np.int8)
    stored = writer.store(f"{name}_int8", rounded)
    no_offset = writer.store(f"{name}_zero", np.zeros(steps.shape, dtype=np.int8))
    total = writer.one("MatMulInteger", integers, stored, zero, no_offset)
    both_scales = writer.one("Mul", scale, writer.store(f"{name}_scale", steps.astype(np.float32)))
    return writer.one("Mul", writer.one("Cast", total, to=TensorProto.FLOAT), both_scales)


def linear(writer: GraphWriter, value: str, name: str, factor: float = 1.0) -> str:
    """A torch Linear layer, its result times `factor`."""
    matrix = writer.weights[f"{name}.weight"].T * np.float32(factor)
    result = product(writer, value, f"{name}.matrix", matrix)
    if f"{name}.bias" not in writer.weights:
        return result
    bias = writer.store(f"{name}.bias", writer.weights[f"{name}.bias"] * np.float32(factor))
    return writer.one("Add", result, bias)


def normalised(writer: GraphWriter, value: str, name: str) -> str:
    scale, bias = writer.weight(f"{name}.weight"), writer.weight(f"{name}.bias")
    return writer.one("LayerNormalization", value, scale, bias, axis=-1, epsilon=1e-5)


def gelu(writer: GraphWriter, value: str) -> str:
    error = writer.one("Erf", writer.one("Div", value, writer.number(float(np.sqrt(2.0)))))
    doubled = writer.one("Mul", value, writer.one("Add", error, writer.number(1.0)))
    return writer.one("Mul", doubled, writer.number(0.5))


def feed_forward(writer: GraphWriter, value: str, layer: str) -> str:
    inner = normalised(writer, value, f"{layer}.final_layer_norm")
    inner = linear(writer, gelu(writer, linear(writer, inner, f"{layer}.fc1")), f"{layer}.fc2")
    return writer.one("Add", value, inner)


def by_head(writer: GraphWriter, value: str) -> str:
    """[batch, positions, d_model] to [batch, heads, positions, head_size]."""
    split = writer.one("Reshape", value, writer.integers(0, 0, writer.shape.heads, writer.shape.head_size))
    return writer.one("Transpose", split, perm=[0, 2, 1, 3])


def keys_and_values(writer: GraphWriter, value: str, name: str) -> tuple[str, str]:
    keys = by_head(writer, linear(writer, value, f"{name}.k_proj"))
    return keys, by_head(writer, linear(writer, value, f"{name}.v_proj"))


def attention(
    writer: GraphWriter, value: str, name: str, memory: tuple[str, str], mask: str | None = None
) -> str:
    """Attend from `value` to the keys and values of `memory`; `mask` is added to the scores."""
    queries = by_head(writer, linear(writer, value, f"{name}.q_proj", writer.shape.head_size**-0.5))
    scores = writer.one("MatMul", queries, writer.one("Transpose", memory[0], perm=[0, 1, 3, 2]))
    if mask is not None:
        scores = writer.one("Add", scores, mask)
    heard = writer.one("MatMul", writer.one("Softmax", scores, axis=-1), memory[1])
    joined = writer.one("Transpose", heard, perm=[0, 2, 1, 3])
    joined = writer.one("Reshape", joined, writer.integers(0, 0, writer.shape.d_model))
    return linear(writer, joined, f"{name}.out_proj")


def length(writer: GraphWriter, value: str, axis: int) -> str:
    """The size of one axis as a scalar."""
    return writer.one("Gather", writer.one("Shape", value), writer.integer(axis), axis=0)

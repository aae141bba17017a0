"""A graph as values that flow: what makes a value, who takes it, and which values are constants."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from graphlib import TopologicalSorter
from typing import Any

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import NodeProto, TensorProto, helper

from voice_api.speech.whisper.compile.onnx_file import OnnxFile

Values = NDArray[np.float32]
SAME_NUMBERS = frozenset(
    {"Identity", "Cast", "Reshape", "Transpose", "Unsqueeze", "Squeeze", "Flatten", "Dropout", "Expand"}
)
"""Operators that hand on the numbers they take, in another shape at most."""

SIZES_ONLY = frozenset({"Shape", "Size"})
"""What follows them depends on how much there is, never on what it is."""


@dataclass(frozen=True, slots=True)
class Constant:
    """An array that is not loaded before it is needed, always as float32 or whole numbers."""

    shape: tuple[int, ...]
    load: Callable[[], NDArray[np.generic]]

    def floats(self) -> Values:
        return np.asarray(self.load(), dtype=np.float32)


@dataclass(slots=True)
class Flow:
    """The nodes of a graph in an order in which they can run; of a merged decoder, the first pass."""

    file: OnnxFile
    nodes: list[NodeProto]
    tensors: dict[str, TensorProto]
    producers: dict[str, NodeProto] = field(default_factory=dict)
    consumers: dict[str, list[NodeProto]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for node in self.nodes:
            self.producers |= dict.fromkeys(filter(None, node.output), node)
            for name in dict.fromkeys(filter(None, node.input)):
                self.consumers.setdefault(name, []).append(node)
            if node.op_type == "Constant" and node.attribute and node.attribute[0].name == "value":
                self.tensors[node.output[0]] = node.attribute[0].t

    def constant(self, name: str) -> Constant | None:
        """The constant behind a value, seen through what only turns, casts or dequantises it."""
        if name in self.tensors:
            tensor = self.tensors[name]
            return Constant(tuple(tensor.dims), lambda: self.file.array(tensor))
        node = self.producers.get(name)
        turn = None if node is None else _TURNS.get(node.op_type)
        return None if node is None or turn is None else turn(self, node)

    def number(self, name: str) -> float | None:
        """A constant of one element."""
        found = self.constant(name)
        single = found is not None and all(size == 1 for size in found.shape)
        return float(found.floats().reshape(-1)[0]) if found is not None and single else None

    def origin(self, name: str) -> str:
        """The value whose numbers `name` has."""
        node = self.producers.get(name)
        while node is not None and node.op_type in SAME_NUMBERS:
            name = node.input[0]
            node = self.producers.get(name)
        return name

    def behind(self, name: str, stop: Callable[[str], bool]) -> Iterator[str]:
        """Every value that `name` is computed from, nearest first; none behind one where `stop` holds."""
        waiting, seen = [name], {name}
        while waiting:
            value = waiting.pop(0)
            yield value
            node = self.producers.get(value)
            if stop(value) or node is None or node.op_type in SIZES_ONLY:
                continue
            fresh = [each for each in node.input if each and each not in seen]
            seen |= set(fresh)
            waiting += fresh


def flow_of(file: OnnxFile) -> Flow:
    """The flow of a graph; of an If, the branch that hears the encoder and remembers nothing yet."""
    graph = file.model.graph
    tensors = {tensor.name: tensor for tensor in graph.initializer}
    nodes: list[NodeProto] = []
    sound = _names_after("encoder_hidden_states", graph.node)
    for node in graph.node:
        branch = _first_pass(node, sound)
        if branch is None:
            nodes.append(node)
            continue
        tensors |= {tensor.name: tensor for tensor in branch.initializer}
        nodes += branch.node
        for inner, outer in zip(branch.output, node.output, strict=True):
            if inner.name != outer:  # optimum gives both the same name
                nodes.append(helper.make_node("Identity", [inner.name], [outer]))
    return Flow(file, _in_order(nodes), tensors)


def _in_order(nodes: Sequence[NodeProto]) -> list[NodeProto]:
    """Every node after those it takes from; some converters add theirs at the end."""
    makers = {name: index for index, node in enumerate(nodes) for name in node.output if name}
    sources = {
        index: {makers[name] for name in node.input if name in makers} for index, node in enumerate(nodes)
    }
    return [nodes[index] for index in TopologicalSorter(sources).static_order()]


def _names_after(name: str, nodes: Sequence[NodeProto]) -> set[str]:
    """A value and what is computed from it outside of any branch."""
    names = {name}
    for node in _in_order([node for node in nodes if node.op_type != "If"]):
        names |= set(node.output) if names & set(node.input) else set()
    return names


def _first_pass(node: NodeProto, sound: set[str]) -> onnx.GraphProto | None:
    """The branch of an If that takes what comes from the encoder."""
    if node.op_type != "If":
        return None
    branches = [attribute.g for attribute in node.attribute]
    hearing = [branch for branch in branches if any(sound & set(each.input) for each in branch.node)]
    return hearing[0] if len(hearing) == 1 else None


def attribute(node: NodeProto, name: str, default: Any = None) -> Any:
    found = next((entry for entry in node.attribute if entry.name == name), None)
    return default if found is None else helper.get_attribute_value(found)


def _same(flow: Flow, node: NodeProto) -> Constant | None:
    return flow.constant(node.input[0])


def _cast(flow: Flow, node: NodeProto) -> Constant | None:
    return flow.constant(node.input[0])


def _transposed(flow: Flow, node: NodeProto) -> Constant | None:
    inner = flow.constant(node.input[0])
    if inner is None:
        return None
    order = attribute(node, "perm") or list(range(len(inner.shape)))[::-1]
    shape = tuple(inner.shape[axis] for axis in order)
    return Constant(shape, lambda: inner.load().transpose(order))


def _reshaped(flow: Flow, node: NodeProto) -> Constant | None:
    """Only constants of one used axis are reshaped in practice: a bias, a scale."""
    inner = flow.constant(node.input[0])
    used = [] if inner is None else [size for size in inner.shape if size > 1]
    if inner is None or len(used) > 1:
        return None
    return Constant(tuple(used), lambda: inner.load().reshape(used))


def _dequantised(flow: Flow, node: NodeProto) -> Constant | None:
    inner, scale = flow.constant(node.input[0]), flow.constant(node.input[1])
    if inner is None or scale is None:
        return None
    zero = flow.constant(node.input[2]) if len(node.input) > 2 and node.input[2] else None
    axis = attribute(node, "axis", 1)
    return dequantised(inner, scale, zero, axis)


def dequantised(inner: Constant, scale: Constant, zero: Constant | None, axis: int = -1) -> Constant:
    """(values - zero) * scale, where scale and zero have one element or one per index of `axis`."""
    ones = [1] * len(inner.shape)

    def spread(constant: Constant) -> Values:
        numbers = constant.floats().reshape(-1)
        shape = ones if numbers.size == 1 else [*ones]
        if numbers.size > 1:
            shape[axis] = numbers.size
        return numbers.reshape(shape)

    def load() -> Values:
        offset = spread(zero) if zero is not None else np.float32(0)
        return np.asarray((inner.floats() - offset) * spread(scale), dtype=np.float32)

    return Constant(inner.shape, load)


_TURNS: dict[str, Callable[[Flow, NodeProto], Constant | None]] = {
    "Identity": _same,
    "Cast": _cast,
    "Transpose": _transposed,
    "Reshape": _reshaped,
    "Unsqueeze": _reshaped,
    "Squeeze": _reshaped,
    "DequantizeLinear": _dequantised,
}

"""Writes the nodes and weights of our own graphs: products in the chosen precision, norms, GELU."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, BinaryIO, Literal

import numpy as np
import onnx
from numpy.typing import NDArray
from onnx import StringStringEntryProto, TensorProto, helper, numpy_helper

from voice_api.speech.whisper.compile.quantise import FULL_RANGE, by_blocks, by_columns

Values = NDArray[np.float32]
Weights = Mapping[str, Callable[[], Values]]
"""Loads a weight by its name in transformers, less `model.`; matrices are [inputs, outputs]."""

Precision = Literal["fp32", "int8", "int4"]
CONTRIBUTED = "com.microsoft"
OPSET, CONTRIBUTED_OPSET, IR_VERSION = 17, 1, 8
EPSILON = 1e-5
OUTSIDE_FROM_BYTES = 1024
PAGE_BYTES = 4096


@dataclass(slots=True)
class Writer:
    """The nodes and weights of one graph.

    data     takes the larger weights, one at a time, so that a model is never held whole
    largest  of an int8 weight: 127, or 63 where the processor adds products in 16 bits
    tensors  may be those of another writer of the same data and precision: nothing is written twice
    """

    weights: Weights
    data: BinaryIO
    largest: int = FULL_RANGE
    tensors: dict[str, TensorProto] = field(default_factory=dict)
    nodes: list[onnx.NodeProto] = field(default_factory=list)

    def add(
        self, operator: str, *inputs: str, outputs: int = 1, domain: str = "", **attributes: Any
    ) -> list[str]:
        """Append a node and return the names of its outputs."""
        name = f"{operator}_{len(self.nodes)}"
        names = [f"{name}/{index}" for index in range(outputs)]
        self.nodes.append(
            helper.make_node(operator, list(inputs), names, name=name, domain=domain, **attributes)
        )
        return names

    def one(self, operator: str, *inputs: str, **attributes: Any) -> str:
        return self.add(operator, *inputs, **attributes)[0]

    def store(self, name: str, values: NDArray[Any]) -> str:
        if name not in self.tensors:
            small = values.nbytes < OUTSIDE_FROM_BYTES
            ordered = np.asarray(values, order="C")
            self.tensors[name] = (
                numpy_helper.from_array(ordered, name) if small else self._outside(name, ordered)
            )
        return name

    def _outside(self, name: str, values: NDArray[Any]) -> TensorProto:
        """Append values to the data file, at the start of a memory page so that they can be mapped."""
        offset = -(-self.data.tell() // PAGE_BYTES) * PAGE_BYTES
        self.data.seek(offset)
        self.data.write(values.data)
        kind = helper.np_dtype_to_tensor_dtype(values.dtype)
        place = {"location": Path(self.data.name).name, "offset": offset, "length": values.nbytes}
        return TensorProto(
            name=name,
            data_type=kind,
            dims=values.shape,
            data_location=TensorProto.EXTERNAL,
            external_data=[StringStringEntryProto(key=key, value=str(value)) for key, value in place.items()],
        )

    def integers(self, *values: int) -> str:
        return self.store("integers_" + "_".join(map(str, values)), np.array(values, dtype=np.int64))

    def weight(self, name: str) -> str:
        return self.store(name, self.weights[name]())

    def rename(self, value: str, name: str) -> str:
        """Give a value that the last node made the name it has outside the graph."""
        outputs = self.nodes[-1].output
        outputs[list(outputs).index(value)] = name
        return name

    def norm(self, value: str, name: str) -> str:
        weight, bias = self.weight(f"{name}.weight"), self.weight(f"{name}.bias")
        return self.one("LayerNormalization", value, weight, bias, axis=-1, epsilon=EPSILON)

    def sum_and_norm(self, value: str, addition: str, name: str) -> tuple[str, str]:
        """value + addition, and the same normalised; for few rows, because it computes on one thread."""
        weight, bias = self.weight(f"{name}.weight"), self.weight(f"{name}.bias")
        inputs = (value, addition, weight, bias)
        outputs = self.add("SkipLayerNormalization", *inputs, outputs=4, domain=CONTRIBUTED, epsilon=EPSILON)
        self.nodes[-1].output[1] = self.nodes[-1].output[2] = ""
        return outputs[3], outputs[0]

    def gelu(self, value: str) -> str:
        return self.one("Gelu", value, domain=CONTRIBUTED)

    def feed_forward(self, value: str, name: str, precision: Precision) -> str:
        wide = self.gelu(self.linear(value, f"{name}.fc1", precision=precision))
        return self.linear(wide, f"{name}.fc2", precision=precision)

    def linear(self, value: str, *names: str, precision: Precision) -> str:
        """A Linear layer, or several of the same input beside each other."""
        name = names[0]
        if f"{name}.bias" not in self.tensors:
            self._store_linear(names, precision)
        bias = f"{name}.bias"
        match precision:
            case "fp32":
                return self.one("Add", self.one("MatMul", value, f"{name}.weight"), bias)
            case "int8":
                inputs = (value, f"{name}.weight", f"{name}.steps", "", bias)
                return self.one("DynamicQuantizeMatMul", *inputs, domain=CONTRIBUTED)
            case "int4":
                return self._by_blocks(value, name)

    def _by_blocks(self, value: str, name: str) -> str:
        """accuracy_level 4: the input is made int8 block by block, so that products are of integers."""
        outputs, blocks, bytes_each = self.tensors[f"{name}.weight"].dims
        block = 2 * bytes_each
        inputs = (value, f"{name}.weight", f"{name}.scales", "", "", f"{name}.bias")
        sizes = {"K": blocks * block, "N": outputs, "bits": 4, "block_size": block, "accuracy_level": 4}
        return self.one("MatMulNBits", *inputs, domain=CONTRIBUTED, **sizes)

    def _store_linear(self, names: Sequence[str], precision: Precision) -> None:
        name = names[0]
        matrices = [self.weights[f"{each}.weight"]() for each in names]
        matrix = matrices[0] if len(matrices) == 1 else np.concatenate(matrices, axis=1)
        bias = np.concatenate([self.weights[f"{each}.bias"]() for each in names])
        match precision:
            case "fp32":
                self.store(f"{name}.weight", matrix)
            case "int8":
                columns = by_columns(matrix, self.largest)
                self.store(f"{name}.weight", columns.integers)
                self.store(f"{name}.steps", columns.steps)
            case "int4":
                blocks = by_blocks(matrix)
                self.store(f"{name}.weight", blocks.nibbles)
                self.store(f"{name}.scales", blocks.scales.reshape(-1))
        self.store(f"{name}.bias", bias)

    def model(
        self, name: str, inputs: list[onnx.ValueInfoProto], outputs: list[onnx.ValueInfoProto]
    ) -> onnx.ModelProto:
        graph = helper.make_graph(self.nodes, name, inputs, outputs, list(self.tensors.values()))
        opsets = [helper.make_opsetid("", OPSET), helper.make_opsetid(CONTRIBUTED, CONTRIBUTED_OPSET)]
        return helper.make_model(graph, opset_imports=opsets, ir_version=IR_VERSION, producer_name="kvx")


def floats(name: str, *dimensions: int | str) -> onnx.ValueInfoProto:
    return helper.make_tensor_value_info(name, TensorProto.FLOAT, list(dimensions))


def wholes(name: str, kind: int, *dimensions: int | str) -> onnx.ValueInfoProto:
    return helper.make_tensor_value_info(name, kind, list(dimensions))

"""The decoder as one graph, for the first tokens and every step."""

from dataclasses import dataclass

import onnx
from onnx import TensorProto, helper

from voice_api.speech.whisper.compile.encoder_graph import attention_inputs, cross_name, cross_value
from voice_api.speech.whisper.compile.sizes import Kernels, Sizes
from voice_api.speech.whisper.compile.writer import CONTRIBUTED, Writer, floats, wholes

PARTS = ("key", "value")
LOOKED_UP = (("table", "tokens"), ("positions", "places"))


@dataclass(frozen=True, slots=True)
class DecoderGraph:
    """Writes tokens to the states that tokens are scored by.

    Takes
      tokens, places [1, rows]  and where they stand; the rows of a beam follow each other
      table, positions          vectors of all tokens and places, which stay on disk
      grouping [3]              beams, tokens of each, -1
      memory.{layer}.{part}     [beams, heads, room, head_size]; a run writes to it in place
      ends [beams], total       the index of the last token fed, and one more
      cross.{layer}.{part}      from the encoder; all beams hear the same
      wanted [n]                rows whose states are wanted
    Gives
      states [1, n, width]      after the last norm
      queries.{layer}           [1, rows, width], of the layers with alignment heads
      new.memory.*              to be bound to the same place as memory.*
    """

    writer: Writer
    sizes: Sizes
    kernels: Kernels

    def model(self) -> onnx.ModelProto:
        writer = self.writer
        value = writer.one("Add", *(self._vectors(*names) for names in LOOKED_UP))
        inner = writer.norm(value, "decoder.layers.0.self_attn_layer_norm")
        for index in range(self.sizes.layers):
            value, inner = self._layer(value, inner, index)
        writer.rename(writer.one("Gather", inner, "wanted", axis=1), "states")
        return writer.model("decoder", self._inputs(), self._outputs())

    def _vectors(self, table: str, rows: str) -> str:
        """In fp32 where the table is not; a row that is looked up is the only one ever in memory."""
        return self.writer.one("Cast", self.writer.one("Gather", table, rows), to=TensorProto.FLOAT)

    def _layer(self, value: str, inner: str, index: int) -> tuple[str, str]:
        """The residual stream after a layer, and what the next one takes."""
        writer, precision, name = self.writer, self.kernels.layers, f"decoder.layers.{index}"
        joined = writer.linear(inner, *attention_inputs(f"{name}.self_attn"), precision=precision)
        remembered = self._remember(joined, index)
        remembered = writer.linear(remembered, f"{name}.self_attn.out_proj", precision=precision)
        value, inner = writer.sum_and_norm(value, remembered, f"{name}.encoder_attn_layer_norm")
        queries = writer.linear(inner, f"{name}.encoder_attn.q_proj", precision=precision)
        if index in self.sizes.listening:
            queries = writer.rename(queries, f"queries.{index}")
        heard = self._hear(queries, index)
        heard = writer.linear(heard, f"{name}.encoder_attn.out_proj", precision=precision)
        value, inner = writer.sum_and_norm(value, heard, f"{name}.final_layer_norm")
        last = index + 1 == self.sizes.layers
        after = "decoder.layer_norm" if last else f"decoder.layers.{index + 1}.self_attn_layer_norm"
        return writer.sum_and_norm(value, writer.feed_forward(inner, name, precision), after)

    def _remember(self, joined: str, index: int) -> str:
        """Attend to all tokens so far, each beam to its own; only here do beams differ from rows."""
        writer, heads = self.writer, self.sizes.heads
        by_beam = writer.one("Reshape", joined, "grouping")
        memory = [f"memory.{index}.{part}" for part in PARTS]
        outputs = writer.add(
            "GroupQueryAttention",
            *(by_beam, "", "", *memory, "ends", "total"),
            outputs=3,
            domain=CONTRIBUTED,
            num_heads=heads,
            kv_num_heads=heads,
            scale=self.sizes.head_size**-0.5,
        )
        for made, name in zip(outputs[1:], memory, strict=True):
            writer.rename(made, f"new.{name}")
        return writer.one("Reshape", outputs[0], writer.integers(1, -1, self.sizes.width))

    def _hear(self, queries: str, index: int) -> str:
        """Attend to the sound: all beams hear the same, so their rows are rows of one product.

        The queries come scaled: with a factor in the product, onnxruntime would pack all keys anew at every
        step instead of multiplying a vector (base, 1500 positions: 4.1 ms of 9.0 a token).
        """
        writer, sizes = self.writer, self.sizes
        key, value = (cross_name(index, part) for part in PARTS)
        if self.kernels.hearing == "fused":
            inputs = (queries, key, value)
            settings = {"num_heads": sizes.heads, "scale": 1.0}
            return writer.one("MultiHeadAttention", *inputs, domain=CONTRIBUTED, **settings)
        shape = writer.integers(0, 0, sizes.heads, sizes.head_size)
        by_head = writer.one("Transpose", writer.one("Reshape", queries, shape), perm=[0, 2, 1, 3])
        scores = writer.one("FusedMatMul", by_head, key, domain=CONTRIBUTED, transB=1)
        heard = writer.one("MatMul", writer.one("Softmax", scores, axis=-1), value)
        joined = writer.one("Transpose", heard, perm=[0, 2, 1, 3])
        return writer.one("Reshape", joined, writer.integers(0, 0, sizes.width))

    def _inputs(self) -> list[onnx.ValueInfoProto]:
        names = [cross_name(layer, part) for layer in range(self.sizes.layers) for part in PARTS]
        return [
            *(wholes(rows, TensorProto.INT64, 1, "rows") for _, rows in LOOKED_UP),
            *(table_of(name, self.kernels, f"{name}_rows", self.sizes.width) for name, _ in LOOKED_UP),
            wholes("grouping", TensorProto.INT64, 3),
            wholes("ends", TensorProto.INT32, "beams"),
            wholes("total", TensorProto.INT32),
            wholes("wanted", TensorProto.INT64, "results"),
            *self._memories(""),
            *(cross_value(name, self.sizes) for name in names),
        ]

    def _outputs(self) -> list[onnx.ValueInfoProto]:
        return [
            floats("states", 1, "results", self.sizes.width),
            *(floats(f"queries.{layer}", 1, "rows", self.sizes.width) for layer in self.sizes.listening),
            *self._memories("new."),
        ]

    def _memories(self, prefix: str) -> list[onnx.ValueInfoProto]:
        shape = ("beams", self.sizes.heads, "room", self.sizes.head_size)
        names = [f"{prefix}memory.{layer}.{part}" for layer in range(self.sizes.layers) for part in PARTS]
        return [floats(name, *shape) for name in names]


def table_of(name: str, kernels: Kernels, *dimensions: int | str) -> onnx.ValueInfoProto:
    """A table that is looked up, as the compiled folder has it beside its graphs."""
    kind = TensorProto.FLOAT if kernels.layers == "fp32" else TensorProto.FLOAT16
    return helper.make_tensor_value_info(name, kind, list(dimensions))

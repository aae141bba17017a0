"""The encoder as a graph: features of any length to the keys and values of every decoder layer."""

from dataclasses import dataclass

import onnx

from voice_api.speech.whisper.compile.sizes import Kernels, Sizes
from voice_api.speech.whisper.compile.writer import CONTRIBUTED, Writer, floats


def cross_name(layer: int, part: str) -> str:
    """The name of what a decoder layer hears; part is key or value."""
    return f"cross.{layer}.{part}"


def cross_value(name: str, sizes: Sizes) -> onnx.ValueInfoProto:
    return floats(name, 1, sizes.heads, "positions", sizes.head_size)


def attention_inputs(name: str) -> list[str]:
    return [f"{name}.{part}_proj" for part in "qkv"]


@dataclass(frozen=True, slots=True)
class EncoderGraph:
    """Writes features [1, bins, frames] to cross.{layer}.key and .value."""

    writer: Writer
    sizes: Sizes
    kernels: Kernels

    def model(self) -> onnx.ModelProto:
        value = self._convolved("features")
        inner = self.writer.norm(value, "encoder.layers.0.self_attn_layer_norm")
        for index in range(self.sizes.encoder_layers):
            value, inner = self._layer(value, inner, index)
        outputs = self._heard(inner)
        bins = self.sizes.architecture.num_mel_bins
        return self.writer.model("encoder", [floats("features", 1, bins, "frames")], outputs)

    def _convolved(self, value: str) -> str:
        """[1, positions, width], with the place of each position added."""
        writer = self.writer
        for index, stride in ((1, 1), (2, 2)):
            name = f"encoder.conv{index}"
            weight, bias = writer.weight(f"{name}.weight"), writer.weight(f"{name}.bias")
            value = writer.one("Conv", value, weight, bias, kernel_shape=[3], strides=[stride], pads=[1, 1])
            value = writer.gelu(value)
        value = writer.one("Transpose", value, perm=[0, 2, 1])
        count = writer.one("Shape", value, start=1, end=2)
        table = writer.weight("encoder.embed_positions")
        rows = writer.one("Slice", table, writer.integers(0), count, writer.integers(0))
        return writer.one("Add", value, rows)

    def _layer(self, value: str, inner: str, index: int) -> tuple[str, str]:
        """The residual stream after a layer, and what the next one takes."""
        writer, precision, name = self.writer, self.kernels.layers, f"encoder.layers.{index}"
        # Apart, because to split a joined product costs more than to quantise its input three times.
        parts = [
            writer.linear(inner, each, precision=precision) for each in attention_inputs(f"{name}.self_attn")
        ]
        heard = writer.one(
            "MultiHeadAttention", *parts, domain=CONTRIBUTED, num_heads=self.sizes.encoder_heads
        )
        heard = writer.linear(heard, f"{name}.self_attn.out_proj", precision=precision)
        value = writer.one("Add", value, heard)
        inner = writer.norm(value, f"{name}.final_layer_norm")
        last = index + 1 == self.sizes.encoder_layers
        after = "encoder.layer_norm" if last else f"encoder.layers.{index + 1}.self_attn_layer_norm"
        value = writer.one("Add", value, writer.feed_forward(inner, name, precision))
        return value, writer.norm(value, after)

    def _heard(self, inner: str) -> list[onnx.ValueInfoProto]:
        """The keys and values of all decoder layers, out of one product."""
        writer, layers, heads = self.writer, self.sizes.layers, self.sizes.heads
        names = [
            f"decoder.layers.{layer}.encoder_attn.{part}_proj" for layer in range(layers) for part in "kv"
        ]
        joined = writer.linear(inner, *names, precision=self.kernels.layers)
        shape = writer.integers(0, 0, 2 * layers * heads, self.sizes.head_size)
        parts = writer.add("Split", writer.one("Reshape", joined, shape), outputs=2 * layers, axis=2)
        outputs: list[onnx.ValueInfoProto] = []
        for index, part in enumerate(parts):
            name = cross_name(index // 2, "value" if index % 2 else "key")
            writer.rename(writer.one("Transpose", part, perm=[0, 2, 1, 3]), name)
            outputs.append(cross_value(name, self.sizes))
        return outputs

"""Whisper written as ONNX graphs: encoder, both decoders, and the two decoders merged into one."""

from collections.abc import Sequence

import numpy as np
import onnx
from graph_writer import (
    GraphWriter,
    Shape,
    attention,
    feed_forward,
    gelu,
    keys_and_values,
    length,
    normalised,
    product,
)
from onnx import TensorProto, helper

OPSET = 17
IR_VERSION = 8


def encoder_graph(writer: GraphWriter, frames: int | str) -> onnx.GraphProto:
    """input_features [batch, bins, frames] to last_hidden_state [batch, frames / 2, d_model]."""
    value = "input_features"
    for name, stride in (("conv1", 1), ("conv2", 2)):
        weight, bias = writer.weight(f"encoder.{name}.weight"), writer.weight(f"encoder.{name}.bias")
        value = writer.one("Conv", value, weight, bias, kernel_shape=[3], strides=[stride], pads=[1, 1])
        value = gelu(writer, value)
    value = writer.one("Transpose", value, perm=[0, 2, 1])
    positions = writer.weight("encoder.embed_positions.weight")
    if isinstance(frames, str):
        end = writer.one("Unsqueeze", length(writer, value, 1), writer.integers(0))
        positions = writer.one("Slice", positions, writer.integers(0), end, writer.integers(0))
    value = writer.one("Add", value, positions)
    for index in range(writer.shape.layers):
        value = encoder_layer(writer, value, f"encoder.layers.{index}")
    writer.rename(normalised(writer, value, "encoder.layer_norm"), "last_hidden_state")
    positions_out = "encoder_sequence_length" if isinstance(frames, str) else writer.shape.source_positions
    return finished(
        writer,
        "encoder",
        [tensor("input_features", TensorProto.FLOAT, "batch_size", writer.shape.bins, frames)],
        [tensor("last_hidden_state", TensorProto.FLOAT, "batch_size", positions_out, writer.shape.d_model)],
    )


def encoder_layer(writer: GraphWriter, value: str, layer: str) -> str:
    inner = normalised(writer, value, f"{layer}.self_attn_layer_norm")
    memory = keys_and_values(writer, inner, f"{layer}.self_attn")
    inner = attention(writer, inner, f"{layer}.self_attn", memory)
    return feed_forward(writer, writer.one("Add", value, inner), layer)


def decoder_body(writer: GraphWriter, with_past: bool) -> list[str]:
    """Write the decoder's nodes; returns the values of logits and present.* in the order of outputs."""
    past = length(writer, "past_key_values.0.decoder.key", 2) if with_past else writer.integer(0)
    end = writer.one("Add", past, length(writer, "input_ids", 1))
    rows = writer.one("Range", past, end, writer.integer(1))
    value = writer.one("Add", token_vectors(writer), position_vectors(writer, rows))
    mask = causal_mask(writer, rows, end)
    present: list[str] = []
    for index in range(writer.shape.layers):
        value, memories = decoder_layer(writer, value, index, mask, with_past)
        present += memories
    value = normalised(writer, value, "decoder.layer_norm")
    return [logits(writer, value), *present]


def token_vectors(writer: GraphWriter) -> str:
    table = writer.weights["decoder.embed_tokens.weight"]
    if not writer.int8:
        return writer.one("Gather", writer.store("decoder.embed_tokens.weight", table), "input_ids", axis=0)
    half = writer.store("decoder.embed_tokens.half", table.astype(np.float16))
    return writer.one("Cast", writer.one("Gather", half, "input_ids", axis=0), to=TensorProto.FLOAT)


def position_vectors(writer: GraphWriter, rows: str) -> str:
    return writer.one("Gather", writer.weight("decoder.embed_positions.weight"), rows, axis=0)


def logits(writer: GraphWriter, value: str) -> str:
    """Scores of all tokens; tied to the embedding in fp32 as stock exports are, untied in int8."""
    table = writer.weights.get("proj_out.weight", writer.weights["decoder.embed_tokens.weight"])
    tied = table is writer.weights["decoder.embed_tokens.weight"]
    if writer.int8 or not tied:
        return product(writer, value, "proj_out.matrix", table.T)
    turned = writer.one("Transpose", writer.weight("decoder.embed_tokens.weight"), perm=[1, 0])
    return writer.one("MatMul", value, turned)


def causal_mask(writer: GraphWriter, rows: str, end: str) -> str:
    """0 where a position may look, a very negative number where it lies ahead; [rows, columns]."""
    columns = writer.one("Range", writer.integer(0), end, writer.integer(1))
    ahead = writer.one("Greater", columns, writer.one("Unsqueeze", rows, writer.integers(1)))
    return writer.one("Where", ahead, writer.number(-1e9), writer.number(0.0))


def decoder_layer(
    writer: GraphWriter, value: str, index: int, mask: str, with_past: bool
) -> tuple[str, list[str]]:
    layer, past = f"decoder.layers.{index}", f"past_key_values.{index}"
    inner = normalised(writer, value, f"{layer}.self_attn_layer_norm")
    memory = keys_and_values(writer, inner, f"{layer}.self_attn")
    if with_past:
        key = writer.one("Concat", f"{past}.decoder.key", memory[0], axis=2)
        memory = key, writer.one("Concat", f"{past}.decoder.value", memory[1], axis=2)
    inner = attention(writer, inner, f"{layer}.self_attn", memory, mask)
    value = writer.one("Add", value, inner)
    inner = normalised(writer, value, f"{layer}.encoder_attn_layer_norm")
    heard = (f"{past}.encoder.key", f"{past}.encoder.value")
    if not with_past:
        heard = keys_and_values(writer, "encoder_hidden_states", f"{layer}.encoder_attn")
    inner = attention(writer, inner, f"{layer}.encoder_attn", heard)
    value = feed_forward(writer, writer.one("Add", value, inner), layer)
    return value, [*memory] if with_past else [*memory, *heard]


def decoder_graph(writer: GraphWriter, with_past: bool) -> onnx.GraphProto:
    """decoder_model, or decoder_with_past_model which takes the memories and gives back the decoder's."""
    inputs = [tensor("input_ids", TensorProto.INT64, "batch_size", "decoder_sequence_length")]
    inputs += memories("past_key_values", writer.shape) if with_past else [hidden_states(writer.shape)]
    outputs = [scores(writer.shape), *memories("present", writer.shape, decoder_only=with_past)]
    for value, output in zip(decoder_body(writer, with_past), outputs, strict=True):
        writer.rename(value, output.name)
    return finished(writer, "decoder", inputs, outputs)


def merged_graph(first: GraphWriter, later: GraphWriter) -> onnx.GraphProto:
    """Both decoders behind use_cache_branch; with it the present.*.encoder.* are empty, as stock has it."""
    shape = first.shape
    outputs = [scores(shape), *memories("present", shape)]
    first_values = decoder_body(first, with_past=False)
    later_values = iter(decoder_body(later, with_past=True))
    empty = later.store("empty", np.zeros((0, shape.heads, 1, shape.head_size), dtype=np.float32))
    chosen = [
        later.one("Identity", empty) if ".encoder." in output.name else next(later_values)
        for output in outputs
    ]
    root = GraphWriter(first.weights, shape, first.int8, stored=first.stored)
    root.nodes.append(
        helper.make_node(
            "If",
            ["use_cache_branch"],
            [output.name for output in outputs],
            name="decoder",
            else_branch=branch(first, first_values),
            then_branch=branch(later, chosen),
        )
    )
    inputs = [
        tensor("input_ids", TensorProto.INT64, "batch_size", "decoder_sequence_length"),
        hidden_states(shape),
        *memories("past_key_values", shape),
        tensor("use_cache_branch", TensorProto.BOOL, 1),
    ]
    return finished(root, "decoder_merged", inputs, outputs)


def branch(writer: GraphWriter, values: Sequence[str]) -> onnx.GraphProto:
    outputs = [helper.make_tensor_value_info(value, TensorProto.FLOAT, None) for value in values]
    return helper.make_graph(writer.nodes, writer.prefix.strip("/"), [], outputs)


def tensor(name: str, kind: int, *dimensions: int | str) -> onnx.ValueInfoProto:
    return helper.make_tensor_value_info(name, kind, list(dimensions))


def scores(shape: Shape) -> onnx.ValueInfoProto:
    sizes = ("batch_size", "decoder_sequence_length", shape.vocab_size)
    return tensor("logits", TensorProto.FLOAT, *sizes)


def hidden_states(shape: Shape) -> onnx.ValueInfoProto:
    sizes = ("batch_size", "encoder_sequence_length", shape.d_model)
    return tensor("encoder_hidden_states", TensorProto.FLOAT, *sizes)


def memories(side: str, shape: Shape, decoder_only: bool = False) -> list[onnx.ValueInfoProto]:
    """Keys and values of every layer, [batch, heads, positions, head_size]; `side` is past or present."""
    kinds = ("decoder",) if decoder_only else ("decoder", "encoder")
    return [
        tensor(
            f"{side}.{index}.{kind}.{part}",
            TensorProto.FLOAT,
            "batch_size",
            shape.heads,
            f"{side}_{kind}_length",
            shape.head_size,
        )
        for index in range(shape.layers)
        for kind in kinds
        for part in ("key", "value")
    ]


def finished(
    writer: GraphWriter,
    name: str,
    inputs: Sequence[onnx.ValueInfoProto],
    outputs: Sequence[onnx.ValueInfoProto],
) -> onnx.GraphProto:
    return helper.make_graph(writer.nodes, name, inputs, outputs, list(writer.stored.values()))


def model_of(graph: onnx.GraphProto) -> onnx.ModelProto:
    """A checked model around a graph."""
    opset = helper.make_opsetid("", OPSET)
    model = helper.make_model(graph, opset_imports=[opset], ir_version=IR_VERSION, producer_name="kvx")
    onnx.checker.check_model(model)
    return model

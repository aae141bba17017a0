"""The weights of a published folder by the names they have in transformers, found by where they stand."""

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from voice_api.speech.whisper.compile.flow import Constant, Flow, Values, dequantised
from voice_api.speech.whisper.compile.patterns import (
    Attention,
    Linear,
    Norm,
    find_attentions,
    find_linears,
    find_norms,
    trace,
)
from voice_api.speech.whisper.compile.writer import Weights
from voice_api.speech.whisper.config import Architecture
from voice_api.speech.whisper.errors import ModelFolderError

ONE_KIND = "compile a folder exported by optimum or published by onnx-community, with fp32 or fp16 graphs"


@dataclass(frozen=True, slots=True)
class Parts:
    """What was found in one graph."""

    flow: Flow
    linears: list[Linear]
    norms: Mapping[str, Norm]
    attentions: list[Attention]

    def norm_before(self, linear: Linear) -> Norm:
        stops = {each.output for each in self.linears}
        found = trace(self.flow, linear.input, self.norms, stops)
        if found is None:
            raise self.strange("a linear layer without a norm before it")
        return found[0]

    def strange(self, what: str) -> ModelFolderError:
        return ModelFolderError(
            f"{self.flow.file.path} is built like no Whisper known here: {what}", ONE_KIND
        )


def parts_of(flow: Flow) -> Parts:
    linears = find_linears(flow, "MatMul")
    norms = {norm.output: norm for norm in find_norms(flow)}
    return Parts(flow, linears, norms, find_attentions(flow, linears))


def encoder_weights(flow: Flow, architecture: Architecture) -> tuple[Weights, int]:
    """The encoder's weights, and how many layers it has."""
    parts = parts_of(flow)
    layers = len(parts.attentions)
    claimed = [_four(each) for each in parts.attentions]
    named = dict(_feed_forwards(parts, parts.linears, claimed, layers, "encoder"))
    for index, attention in enumerate(parts.attentions):
        name = f"encoder.layers.{index}.self_attn"
        named |= dict(_attention(parts, attention, name, architecture))
    convolutions = find_linears(flow, "Conv")
    if len(convolutions) != 2 or not layers:
        raise parts.strange(f"{len(convolutions)} convolutions and {layers} attentions")
    for index, convolution in enumerate(convolutions, start=1):
        named |= dict(_linear(convolution, f"encoder.conv{index}"))
    rows = architecture.max_source_positions
    begin = parts.norm_before(parts.attentions[0].query).input
    named["encoder.embed_positions"] = _table(parts, begin, (rows, architecture.d_model))
    named |= dict(_norm(_last_norm(parts, "last_hidden_state"), "encoder.layer_norm"))
    return named, layers


def decoder_weights(flow: Flow, architecture: Architecture) -> Weights:
    """The decoder's weights, with the keys and values of what is heard."""
    parts = parts_of(flow)
    sounds = {"encoder_hidden_states": None}
    cross = [trace(flow, each.key.input, sounds, parts.norms) is not None for each in parts.attentions]
    layers = architecture.decoder_layers
    if cross != [False, True] * layers:
        heard = sum(cross)
        raise parts.strange(f"{len(cross)} attentions, {heard} of them to the sound, in {layers} layers")
    scores = trace(flow, "logits", {each.output: each for each in parts.linears}, ())
    if scores is None:
        raise parts.strange("logits without a product")
    others = [linear for linear in parts.linears if linear is not scores[0]]
    claimed = [_four(each) for each in parts.attentions]
    named = dict(_feed_forwards(parts, others, claimed, layers, "decoder"))
    for index, attention in enumerate(parts.attentions):
        kind = "encoder_attn" if cross[index] else "self_attn"
        named |= dict(_attention(parts, attention, f"decoder.layers.{index // 2}.{kind}", architecture))
    named |= dict(_norm(parts.norm_before(scores[0]), "decoder.layer_norm"))
    named |= dict(_linear(scores[0], "proj_out"))
    begin = parts.norm_before(parts.attentions[0].query).input
    width = architecture.d_model
    named["decoder.embed_tokens"] = _table(parts, begin, (architecture.vocab_size, width))
    named["decoder.embed_positions"] = _table(parts, begin, (architecture.max_target_positions, width))
    return named


Named = Iterator[tuple[str, Callable[[], Values]]]


def _four(attention: Attention) -> list[str]:
    return [each.output for each in (attention.query, attention.key, attention.value, attention.out)]


def _attention(parts: Parts, attention: Attention, name: str, architecture: Architecture) -> Named:
    """Queries are scaled such that their products with the keys need only head_size ** -0.5 any more."""
    width = architecture.d_model
    wanted = architecture.head_size**-0.5
    factor = 1.0 if math.isnan(attention.scale) else attention.scale / wanted
    for part in ("query", "key", "value", "out"):
        linear: Linear = getattr(attention, part)
        if linear.weight.shape != (width, width):
            raise parts.strange(f"an attention of {linear.weight.shape} where {width} is wide")
        scale = factor if part == "query" else 1.0
        short = part if part == "out" else part[0]
        yield from _linear(linear, f"{name}.{short}_proj", scale)
    yield from _norm(parts.norm_before(attention.query), f"{name}_layer_norm")


def _feed_forwards(
    parts: Parts, linears: list[Linear], claimed: list[list[str]], layers: int, side: str
) -> Named:
    """What no attention claims: two products a layer, in the order of the layers."""
    taken = {name for names in claimed for name in names}
    left = [linear for linear in linears if linear.output not in taken]
    if len(left) != 2 * layers:
        raise parts.strange(f"{len(left)} products beside {layers} layers of attention")
    for index in range(layers):
        first, second = left[2 * index : 2 * index + 2]
        name = f"{side}.layers.{index}"
        yield from _linear(first, f"{name}.fc1")
        yield from _linear(second, f"{name}.fc2")
        yield from _norm(parts.norm_before(first), f"{name}.final_layer_norm")


def _linear(linear: Linear, name: str, scale: float = 1.0) -> Named:
    """Weight and bias; a bias that is not there is zero."""
    shape = linear.weight.shape
    width = shape[-1] if len(shape) == 2 else shape[0]
    bias = linear.bias
    yield f"{name}.weight", _times(linear.weight, scale)
    yield (
        f"{name}.bias",
        (lambda: np.zeros(width, np.float32)) if bias is None else _flat(_times(bias, scale)),
    )


def _times(constant: Constant, scale: float) -> Callable[[], Values]:
    return constant.floats if scale == 1.0 else lambda: constant.floats() * np.float32(scale)


def _flat(load: Callable[[], Values]) -> Callable[[], Values]:
    return lambda: load().reshape(-1)


def _norm(norm: Norm, name: str) -> Named:
    yield f"{name}.weight", _flat(norm.weight.floats)
    yield f"{name}.bias", _flat(norm.bias.floats)


def _last_norm(parts: Parts, output: str) -> Norm:
    found = trace(parts.flow, output, parts.norms, ())
    if found is None:
        raise parts.strange(f"{output} without a norm before it")
    return found[0]


def _table(parts: Parts, name: str, shape: tuple[int, int]) -> Callable[[], Values]:
    """The one table of this shape that `name` is computed from, before any layer."""
    stops = {each.output for each in (*parts.linears, *find_linears(parts.flow, "Conv"))}
    for value in parts.flow.behind(name, stops.__contains__):
        constant = parts.flow.constant(value)
        if (
            constant is not None
            and constant.shape[-2:] == shape
            and math.prod(constant.shape) == math.prod(shape)
        ):
            whole = _dequantised_after(parts.flow, value, constant)
            return lambda: whole.floats().reshape(shape)
    raise parts.strange(f"no table of {shape[0]} rows of {shape[1]}")


def _dequantised_after(flow: Flow, value: str, table: Constant) -> Constant:
    """An int8 table is looked up first and dequantised then."""
    lookups = [node for node in flow.consumers.get(value, []) if node.op_type == "Gather"]
    for node in (after for lookup in lookups for after in flow.consumers.get(lookup.output[0], [])):
        if node.op_type == "DequantizeLinear":
            scale = flow.constant(node.input[1])
            zero = flow.constant(node.input[2]) if len(node.input) > 2 else None
            return table if scale is None else dequantised(table, scale, zero, 0)
    return table

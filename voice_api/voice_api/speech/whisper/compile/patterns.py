"""The parts of a transformer as they stand in a published graph: linear layers, norms, attention."""

import math
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import TypeVar

from onnx import NodeProto

from voice_api.speech.whisper.compile.flow import SIZES_ONLY, Constant, Flow, attribute, dequantised

Found = TypeVar("Found")
INTEGER_PRODUCTS = {"MatMulInteger": "MatMul", "ConvInteger": "Conv"}


@dataclass(frozen=True, slots=True)
class Linear:
    """A product with a constant and the bias that follows; weight [inputs, outputs], or of a Conv."""

    input: str
    output: str
    weight: Constant
    bias: Constant | None


@dataclass(frozen=True, slots=True)
class Norm:
    """A layer normalisation, written as one node or as many."""

    input: str
    output: str
    weight: Constant
    bias: Constant


@dataclass(frozen=True, slots=True)
class Attention:
    """Four linear layers around one softmax.

    scale  what the products of queries and keys are multiplied by; nan where the graph computes it
    """

    query: Linear
    key: Linear
    value: Linear
    out: Linear
    scale: float


def find_linears(flow: Flow, operator: str) -> list[Linear]:
    """Every product with a constant, in the order in which they run; operator is "MatMul" or "Conv"."""
    found = (_linear(flow, node, operator) for node in flow.nodes)
    return [_with_bias(flow, linear) for linear in found if linear is not None]


def _linear(flow: Flow, node: NodeProto, operator: str) -> Linear | None:
    match node.op_type:
        case "MatMulInteger" | "ConvInteger" if INTEGER_PRODUCTS[node.op_type] == operator:
            return _integer_product(flow, node)
        case "Gemm" if operator == "MatMul":
            return _gemm(flow, node)
        case "DynamicQuantizeMatMul" if operator == "MatMul":
            return _fused_integer_product(flow, node)
        case "MatMul" | "Conv" if node.op_type == operator:
            weight = flow.constant(node.input[1])
            bias = flow.constant(node.input[2]) if len(node.input) > 2 else None
            return None if weight is None else Linear(node.input[0], node.output[0], weight, bias)
    return None


def _gemm(flow: Flow, node: NodeProto) -> Linear | None:
    weight = flow.constant(node.input[1])
    if weight is None:
        return None
    if attribute(node, "transB", 0):
        turned = weight
        weight = Constant(turned.shape[::-1], lambda: turned.load().T)
    bias = flow.constant(node.input[2]) if len(node.input) > 2 else None
    return Linear(node.input[0], node.output[0], weight, bias)


def _integer_product(flow: Flow, node: NodeProto) -> Linear | None:
    """DynamicQuantizeLinear, a product of integers, Cast, and Mul by both scales."""
    weight = flow.constant(node.input[1])
    quantiser = flow.producers.get(node.input[0])
    result, scale = _scaled_result(flow, node.output[0])
    if weight is None or quantiser is None or scale is None:
        return None
    zero = flow.constant(node.input[3]) if len(node.input) > 3 else None
    axis = 0 if node.op_type == "ConvInteger" else -1
    return Linear(quantiser.input[0], result, dequantised(weight, scale, zero, axis), None)


def _scaled_result(flow: Flow, value: str) -> tuple[str, Constant | None]:
    """The value after the Mul by both scales, and the scale of the weight."""
    for node in flow.consumers.get(value, []):
        if node.op_type == "Cast":
            return _scaled_result(flow, node.output[0])
        if node.op_type == "Mul":
            scales = flow.producers.get(_other(node, value))
            known = [flow.constant(name) for name in scales.input] if scales is not None else []
            return node.output[0], next((scale for scale in known if scale is not None), None)
    return value, None


def _fused_integer_product(flow: Flow, node: NodeProto) -> Linear | None:
    names = [*node.input, "", ""]
    weight, scale, zero, bias = (flow.constant(name) if name else None for name in names[1:5])
    if weight is None or scale is None:
        return None
    return Linear(node.input[0], node.output[0], dequantised(weight, scale, zero), bias)


def _with_bias(flow: Flow, linear: Linear) -> Linear:
    if linear.bias is not None:
        return linear
    width = linear.weight.shape[-1 if len(linear.weight.shape) == 2 else 0]
    for node in flow.consumers.get(linear.output, []):
        bias = flow.constant(_other(node, linear.output)) if node.op_type == "Add" else None
        if bias is not None and math.prod(bias.shape) == width:
            return Linear(linear.input, node.output[0], linear.weight, bias)
    return linear


def find_norms(flow: Flow) -> list[Norm]:
    found = (_norm(flow, node) or _norm_in_parts(flow, node) for node in flow.nodes)
    return [norm for norm in found if norm is not None]


def _norm(flow: Flow, node: NodeProto) -> Norm | None:
    if node.op_type != "LayerNormalization" or len(node.input) < 3:
        return None
    weight, bias = flow.constant(node.input[1]), flow.constant(node.input[2])
    return None if weight is None or bias is None else Norm(node.input[0], node.output[0], weight, bias)


def _norm_in_parts(flow: Flow, node: NodeProto) -> Norm | None:
    """Div of a value less its mean, then Mul and Add; what it is divided by is its spread."""
    centred = flow.producers.get(flow.origin(node.input[0])) if node.op_type == "Div" else None
    mean = flow.producers.get(flow.origin(centred.input[1])) if centred is not None else None
    if centred is None or centred.op_type != "Sub" or mean is None or mean.op_type != "ReduceMean":
        return None
    weighted = _next(flow, node.output[0], "Mul")
    moved = None if weighted is None else _next(flow, weighted[0], "Add")
    if weighted is None or moved is None:
        return None
    return Norm(centred.input[0], moved[0], weighted[1], moved[1])


def _next(flow: Flow, value: str, operator: str) -> tuple[str, Constant] | None:
    """The result of the one consumer that joins `value` with a constant, perhaps after a Cast."""
    for node in flow.consumers.get(value, []):
        if node.op_type == "Cast":
            return _next(flow, node.output[0], operator)
        constant = flow.constant(_other(node, value)) if node.op_type == operator else None
        if constant is not None:
            return node.output[0], constant
    return None


def find_attentions(flow: Flow, linears: list[Linear]) -> list[Attention]:
    """Every attention whose four linear layers are found, in the order in which they run."""
    by_output = {linear.output: linear for linear in linears}
    products = {node.output[0]: node for node in flow.nodes if _joins_two_flows(flow, node)}
    softmaxes = [node for node in flow.nodes if node.op_type == "Softmax"]
    found = (_attention(flow, node, by_output, products) for node in softmaxes)
    return [attention for attention in found if attention is not None]


def _joins_two_flows(flow: Flow, node: NodeProto) -> bool:
    return node.op_type == "MatMul" and all(flow.constant(name) is None for name in node.input)


def _attention(
    flow: Flow, softmax: NodeProto, linears: Mapping[str, Linear], products: Mapping[str, NodeProto]
) -> Attention | None:
    scores = trace(flow, softmax.input[0], products, linears)
    heard = next(_after(flow, softmax.output[0], products, linears), None)
    if scores is None or heard is None:
        return None
    query, key = (trace(flow, name, linears, ()) for name in scores[0].input)
    value = trace(flow, heard.input[1], linears, ())
    ends = {heard.output[0]: heard}
    out = [each for each in linears.values() if trace(flow, each.input, ends, linears) is not None]
    if query is None or key is None or value is None or not out:
        return None
    return Attention(query[0], key[0], value[0], out[0], scores[1] * query[1] * key[1])


def _after(
    flow: Flow, value: str, products: Mapping[str, NodeProto], linears: Mapping[str, Linear]
) -> Iterator[NodeProto]:
    """The products whose first operand comes from `value`."""
    for node in products.values():
        if trace(flow, node.input[0], {value: node}, linears) is not None:
            yield node


def trace(
    flow: Flow, name: str, targets: Mapping[str, Found], stops: Collection[str]
) -> tuple[Found, float] | None:
    """The target that `name` comes from without crossing a stop, and the factors met on the way."""
    return _trace(flow, name, targets, stops, set())


def _trace(
    flow: Flow, name: str, targets: Mapping[str, Found], stops: Collection[str], seen: set[str]
) -> tuple[Found, float] | None:
    if name in targets:
        return targets[name], 1.0
    node = flow.producers.get(name)
    if node is None or name in seen or name in stops or node.op_type in SIZES_ONLY:
        return None
    seen.add(name)
    for source in filter(None, node.input):
        found = _trace(flow, source, targets, stops, seen)
        if found is not None:
            return found[0], found[1] * _factor(flow, node, source)
    return None


def _factor(flow: Flow, node: NodeProto, source: str) -> float:
    """What a node multiplies the numbers of `source` by; nan for what it computes."""
    if node.op_type not in ("Mul", "Div"):
        return 1.0
    number = flow.number(_other(node, source))
    if number is None or not number:
        return math.nan
    return number if node.op_type == "Mul" else 1.0 / number


def _other(node: NodeProto, name: str) -> str:
    """The operand of a node of two that is not `name`."""
    return next((operand for operand in node.input if operand != name), name)

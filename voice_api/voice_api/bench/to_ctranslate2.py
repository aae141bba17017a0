"""Writes weights as a CTranslate2 folder, through its own description of a Whisper; needs no torch.

Run by the Python that has CTranslate2: python -P to_ctranslate2.py WEIGHTS.npz CHECKPOINT TARGET
"""

import json
import shutil
import sys
from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from typing import Any

Weights = Mapping[str, Any]


def write(weights: Weights, checkpoint: Path, target: Path) -> None:
    config = json.loads((checkpoint / "config.json").read_text())
    spec = _filled(weights, config)
    _say_how_text_is_generated(spec.config, json.loads((checkpoint / "generation_config.json").read_text()))
    spec.register_vocabulary(_vocabulary(checkpoint, config["vocab_size"]))
    spec.validate()
    spec.optimize()
    target.mkdir(parents=True)
    spec.save(str(target))
    for name in ("tokenizer.json", "preprocessor_config.json"):
        shutil.copyfile(checkpoint / name, target / name)


def _filled(weights: Weights, config: Mapping[str, Any]) -> Any:
    specs = import_module("ctranslate2.specs.whisper_spec")
    sizes = [f"{side}_{what}" for side in ("encoder", "decoder") for what in ("layers", "attention_heads")]
    spec = specs.WhisperSpec(*(config[name] for name in sizes))
    for side, part in (("encoder", spec.encoder), ("decoder", spec.decoder)):
        part.position_encodings.encodings = weights[f"model.{side}.embed_positions.weight"]
        _set(part.layer_norm, weights, f"model.{side}.layer_norm", "gamma", "beta")
        for index, layer in enumerate(part.layer):
            _set_layer(layer, weights, f"model.{side}.layers.{index}", side == "decoder")
    for name in ("conv1", "conv2"):
        _set(getattr(spec.encoder, name), weights, f"model.encoder.{name}")
    embedding = weights["model.decoder.embed_tokens.weight"]
    spec.decoder.embeddings.weight = embedding
    spec.decoder.projection.weight = weights.get("proj_out.weight", embedding)
    return spec


def _set_layer(layer: Any, weights: Weights, name: str, decoder: bool) -> None:
    _set_attention(layer.self_attention, weights, f"{name}.self_attn", ("qkv",))
    if decoder:
        _set_attention(layer.attention, weights, f"{name}.encoder_attn", ("q", "kv"))
    _set(layer.ffn.linear_0, weights, f"{name}.fc1")
    _set(layer.ffn.linear_1, weights, f"{name}.fc2")
    _set(layer.ffn.layer_norm, weights, f"{name}.final_layer_norm", "gamma", "beta")


def _set_attention(spec: Any, weights: Weights, name: str, fused: tuple[str, ...]) -> None:
    """Projections of the same input are one matrix; keys have no bias, which counts as zero."""
    numpy = import_module("numpy")
    for linear, letters in zip(spec.linear, fused, strict=False):
        matrices = [weights[f"{name}.{letter}_proj.weight"] for letter in letters]
        biases = [
            weights.get(f"{name}.{letter}_proj.bias", numpy.zeros(len(matrix), numpy.float32))
            for letter, matrix in zip(letters, matrices, strict=True)
        ]
        linear.weight, linear.bias = numpy.concatenate(matrices), numpy.concatenate(biases)
    _set(spec.linear[-1], weights, f"{name}.out_proj")
    _set(spec.layer_norm, weights, f"{name}_layer_norm", "gamma", "beta")


def _set(spec: Any, weights: Weights, name: str, weight: str = "weight", bias: str = "bias") -> None:
    setattr(spec, weight, weights[f"{name}.weight"])
    setattr(spec, bias, weights[f"{name}.bias"])


def _say_how_text_is_generated(spec: Any, generation: Mapping[str, Any]) -> None:
    spec.suppress_ids = generation.get("suppress_tokens") or []
    spec.suppress_ids_begin = generation.get("begin_suppress_tokens") or []
    spec.lang_ids = sorted(generation.get("lang_to_id", {}).values())
    spec.alignment_heads = generation.get("alignment_heads") or [[0, 0]]


def _vocabulary(checkpoint: Path, size: int) -> list[str]:
    document = json.loads((checkpoint / "tokenizer.json").read_text())
    names = {number: name for name, number in document["model"]["vocab"].items()}
    names |= {token["id"]: token["content"] for token in document["added_tokens"]}
    return [names.get(number, f"<|unused{number}|>") for number in range(size)]


if __name__ == "__main__":
    numpy_module = import_module("numpy")
    with numpy_module.load(sys.argv[1]) as archive:
        write(dict(archive), Path(sys.argv[2]), Path(sys.argv[3]))

"""Writes a Whisper checkpoint as the one file that whisper.cpp loads."""

import json
import re
import struct
from collections.abc import Mapping
from pathlib import Path
from typing import Any, BinaryIO, Literal

import numpy as np
from numpy.typing import NDArray

from voice_api.bench.checkpoint import read_weights
from voice_api.bench.mel_filters import mel_filters
from voice_api.bench.random_tokenizer import TEXT_TOKENS, byte_characters

MAGIC = 0x67676D6C
BLOCK = 32
Precision = Literal["f16", "q8_0"]
FILE_KINDS: Mapping[Precision, int] = {"f16": 1, "q8_0": 2_007}
"""What the header says; quantised files carry version 2 of the blocks as a multiple of 1000."""

TENSOR_KINDS = {"f32": 0, "f16": 1, "q8_0": 8}
_WHOLE = {
    "encoder.conv1.bias",
    "encoder.conv2.bias",
    "encoder.positional_embedding",
    "decoder.positional_embedding",
}
"""Kept in f32 though they have two dimensions."""

_NAMES = (
    (r"^model\.", ""),
    (r"\.layers\.", ".blocks."),
    (r"\.embed_positions\.weight$", ".positional_embedding"),
    (r"\.embed_tokens\.", ".token_embedding."),
    (r"^encoder\.layer_norm\.", "encoder.ln_post."),
    (r"^decoder\.layer_norm\.", "decoder.ln."),
    (r"\.self_attn_layer_norm\.", ".attn_ln."),
    (r"\.encoder_attn_layer_norm\.", ".cross_attn_ln."),
    (r"\.final_layer_norm\.", ".mlp_ln."),
    (r"\.self_attn\.", ".attn."),
    (r"\.encoder_attn\.", ".cross_attn."),
    (r"\.q_proj\.", ".query."),
    (r"\.k_proj\.", ".key."),
    (r"\.v_proj\.", ".value."),
    (r"\.out_proj\.", ".out."),
    (r"\.fc1\.", ".mlp.0."),
    (r"\.fc2\.", ".mlp.2."),
)


def write_ggml(checkpoint: Path, target: Path, precision: Precision) -> None:
    """Convert the checkpoint folder; whisper.cpp takes it for what models/ of its own would give."""
    config = json.loads((checkpoint / "config.json").read_text())
    weights = read_weights(checkpoint)
    with target.open("wb") as file:
        _write_header(file, config, precision)
        _write_filters(file, config["num_mel_bins"])
        _write_vocabulary(file, checkpoint)
        for name, values in weights.items():
            if name != "proj_out.weight":
                _write_tensor(file, ggml_name(name), values, precision)


def ggml_name(name: str) -> str:
    """whisper.cpp's name of a weight of transformers."""
    for pattern, replacement in _NAMES:
        name = re.sub(pattern, replacement, name)
    return name


def q8_0(values: NDArray[np.float32]) -> bytes:
    """Rows in blocks of 32: a half-precision scale each, then as many signed bytes."""
    blocks = values.reshape(-1, BLOCK)
    scales = np.abs(blocks).max(axis=1) / 127
    inverse = np.divide(1, scales, out=np.zeros_like(scales), where=scales > 0)
    packed = np.empty(len(blocks), dtype=[("scale", "<f2"), ("steps", "i1", BLOCK)])
    packed["scale"] = scales
    packed["steps"] = np.rint(blocks * inverse[:, np.newaxis])
    return packed.tobytes()


def _write_header(file: BinaryIO, config: Mapping[str, Any], precision: Precision) -> None:
    sizes = [
        config[name]
        for name in (
            "vocab_size",
            "max_source_positions",
            "d_model",
            "encoder_attention_heads",
            "encoder_layers",
            "max_target_positions",
            "d_model",
            "decoder_attention_heads",
            "decoder_layers",
            "num_mel_bins",
        )
    ]
    file.write(struct.pack(f"<{len(sizes) + 2}i", MAGIC, *sizes, FILE_KINDS[precision]))


def _write_filters(file: BinaryIO, bins: int) -> None:
    filters = mel_filters(bins)
    file.write(struct.pack("<2i", *filters.shape))
    file.write(filters.astype("<f4").tobytes())


def _write_vocabulary(file: BinaryIO, checkpoint: Path) -> None:
    """The text tokens as bytes; whisper.cpp knows the special ones by their place after them."""
    bytes_of = {character: byte for byte, character in byte_characters().items()}
    vocabulary = json.loads((checkpoint / "tokenizer.json").read_text())["model"]["vocab"]
    words = {number: name for name, number in vocabulary.items() if number < TEXT_TOKENS}
    file.write(struct.pack("<i", len(words)))
    for _, word in sorted(words.items()):
        text = bytes(bytes_of[character] for character in word)
        file.write(struct.pack("<i", len(text)) + text)


def _write_tensor(file: BinaryIO, name: str, values: NDArray[np.float32], precision: Precision) -> None:
    if re.fullmatch(r"encoder\.conv\d\.bias", name):
        values = values.reshape(-1, 1)
    kind = _kind(name, values, precision)
    title = name.encode()
    file.write(struct.pack("<3i", values.ndim, len(title), TENSOR_KINDS[kind]))
    file.write(struct.pack(f"<{values.ndim}i", *reversed(values.shape)) + title)
    file.write(q8_0(values) if kind == "q8_0" else values.astype("<f2" if kind == "f16" else "<f4").tobytes())


def _kind(name: str, values: NDArray[np.float32], precision: Precision) -> str:
    """Matrices in the precision asked for, convolutions in f16, all else in f32."""
    if values.ndim < 2 or name in _WHOLE:
        return "f32"
    return precision if values.ndim == 2 else "f16"

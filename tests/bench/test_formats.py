"""The formats of peers: what is written is what was meant, bit by bit where that can be said."""

import struct
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from voice_api.bench.ggml import MAGIC, ggml_name, q8_0, write_ggml
from voice_api.bench.mel_filters import mel_filters
from voice_api.bench.peers import fitted
from voice_api.bench.subjects import Subject
from voice_api.speech.whisper.features import FeatureSettings, log_mel

BYTES = {0: 4, 1: 2}


def tensors(file: Path) -> Iterator[tuple[str, tuple[int, ...], int]]:
    """Name, sizes and kind of every tensor, by reading the file as whisper.cpp does."""
    content, at = file.read_bytes(), 48
    assert struct.unpack_from("<i", content)[0] == MAGIC
    bins, frequencies = struct.unpack_from("<2i", content, at)
    at += 8 + 4 * bins * frequencies
    words = struct.unpack_from("<i", content, at)[0]
    at += 4
    for _ in range(words):
        at += 4 + int(struct.unpack_from("<i", content, at)[0])
    while at < len(content):
        dimensions, length, kind = struct.unpack_from("<3i", content, at)
        sizes = struct.unpack_from(f"<{dimensions}i", content, at + 12)
        at += 12 + 4 * dimensions
        name = content[at : at + length].decode()
        count = int(np.prod(sizes))
        at += length + (count // 32 * 34 if kind == 8 else count * BYTES[kind])
        yield name, sizes, kind
    assert at == len(content)


@pytest.mark.parametrize(
    ("theirs", "ours"),
    [
        ("model.encoder.layers.0.self_attn.k_proj.weight", "encoder.blocks.0.attn.key.weight"),
        ("model.decoder.layers.11.encoder_attn_layer_norm.bias", "decoder.blocks.11.cross_attn_ln.bias"),
        ("model.decoder.layers.1.encoder_attn.out_proj.bias", "decoder.blocks.1.cross_attn.out.bias"),
        ("model.decoder.layers.1.fc2.weight", "decoder.blocks.1.mlp.2.weight"),
        ("model.decoder.layers.1.final_layer_norm.weight", "decoder.blocks.1.mlp_ln.weight"),
        ("model.encoder.layer_norm.weight", "encoder.ln_post.weight"),
        ("model.decoder.layer_norm.weight", "decoder.ln.weight"),
        ("model.decoder.embed_tokens.weight", "decoder.token_embedding.weight"),
        ("model.encoder.embed_positions.weight", "encoder.positional_embedding"),
    ],
)
def test_weights_get_the_names_of_whisper_cpp(theirs: str, ours: str) -> None:
    assert ggml_name(theirs) == ours


@pytest.mark.parametrize(("precision", "kind"), [("f16", 1), ("q8_0", 8)])
def test_matrices_are_in_the_precision_asked_for_and_the_rest_is_not(
    small: Subject, tmp_path: Path, precision: str, kind: int
) -> None:
    file = tmp_path / "model.bin"
    write_ggml(small.checkpoint or Path(), file, precision)  # type: ignore[arg-type]  # a parameter
    found = {name: (sizes, kind) for name, sizes, kind in tensors(file)}
    assert len(found) == 11 + 39 * 2  # layers of encoder and decoder
    assert found["decoder.blocks.0.mlp.0.weight"] == ((64, 256), kind)
    assert found["decoder.token_embedding.weight"] == ((64, 51_865), kind)
    assert found["encoder.conv1.weight"] == ((3, 80, 64), 1)
    assert found["encoder.conv1.bias"] == ((1, 64), 0)
    assert found["decoder.positional_embedding"] == ((64, 448), 0)


def test_blocks_of_bytes_are_within_half_a_step_of_the_numbers() -> None:
    values = np.random.default_rng(0).normal(size=(4, 64)).astype(np.float32)
    values[0, :32] = 0
    packed = np.frombuffer(q8_0(values), dtype=[("scale", "<f2"), ("steps", "i1", 32)])
    scales = packed["scale"].astype(np.float32)[:, np.newaxis]
    wrong = np.abs(scales * packed["steps"] - values.reshape(-1, 32))
    assert len(packed) == 8
    assert (wrong <= 0.56 * scales + 1e-6).all()  # the scale itself is rounded to half precision


def test_filters_make_the_features_that_our_engine_hears() -> None:
    sound = np.random.default_rng(0).normal(0, 0.1, 16_000).astype(np.float32)
    settings = FeatureSettings(chunk_seconds=1.0)
    window = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(400) / 400)
    padded = np.pad(sound.astype(np.float64), 200, mode="reflect")
    frames = np.lib.stride_tricks.sliding_window_view(padded, 400)[::160][:100]
    power = np.abs(np.fft.rfft(frames * window)) ** 2
    logarithm = np.log10(np.maximum(power @ mel_filters(80).T.astype(np.float64), 1e-10))
    expected = (np.maximum(logarithm, logarithm.max() - 8) + 4) / 4
    assert np.abs(log_mel(sound, settings)[0].T - expected).max() < 1e-4


@pytest.mark.parametrize(("seconds", "positions"), [(5, 256), (1, 64), (29, 1_472), (30, 0)])
def test_a_fitted_context_holds_the_sound_and_little_more(seconds: float, positions: int) -> None:
    assert fitted(seconds) == positions

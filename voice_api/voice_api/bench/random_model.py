"""Whisper models of the published sizes with random weights: speed does not lie in the values."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from voice_api.bench.random_tokenizer import LANGUAGES, TEXT_TOKENS, VOCABULARY_SIZE, special_ids

Weights = Mapping[str, NDArray[np.float32]]
"""By the names of transformers, such as model.encoder.layers.0.fc1.weight."""

BINS = 80
AUDIO_POSITIONS = 1_500
TEXT_POSITIONS = 448
SPREAD = 1.5
"""Of a product's result for input of spread 1: enough that the text changes with the sound."""

EMBEDDING_SPREAD = 0.05
POSITION_SPREAD = 20.0
WORD_SPREAD = 0.1
"""The position in a text outweighs all else, and each has a word of its own that is likely there.

So every engine, in every precision, writes the same words, none of them twice, and believes them: nothing
is decoded again, and the counts of tokens are equal because the texts are.
"""

SPACED_WORDS = range(20_000, 36_000)
PROMPT_TOKENS = 4
"""Start, language, task, no timestamps."""


@dataclass(frozen=True, slots=True)
class Size:
    """The sizes of a published model; encoder and decoder have as many layers each."""

    name: str
    width: int
    heads: int
    layers: int


SIZES = {
    size.name: size for size in (Size("tiny", 384, 6, 4), Size("base", 512, 8, 6), Size("small", 768, 12, 12))
}


def random_weights(size: Size, text_tokens: int | None = None, seed: int = 0) -> Weights:
    """Drawn weights of a whole model, float32, the embedding tied to the output.

    text_tokens  after so many the model ends its text; None leaves that to whoever decodes
    """
    random = np.random.default_rng(seed)
    weights = {name: _drawn(random, name, shape) for name, shape in _shapes(size)}
    weights["model.encoder.embed_positions.weight"] = sinusoids(AUDIO_POSITIONS, size.width)
    positions = random.standard_normal((TEXT_POSITIONS, size.width), dtype=np.float32)
    weights["model.decoder.embed_positions.weight"] = positions * np.float32(POSITION_SPREAD)
    words = random.choice(SPACED_WORDS, TEXT_POSITIONS, replace=False)
    if text_tokens is not None:
        words[PROMPT_TOKENS - 1 + text_tokens] = special_ids()["<|endoftext|>"]
    embedding = weights["model.decoder.embed_tokens.weight"]
    embedding[TEXT_TOKENS:] = 0.0
    embedding[words] = positions * np.float32(WORD_SPREAD)
    return weights


def _drawn(random: np.random.Generator, name: str, shape: tuple[int, ...]) -> NDArray[np.float32]:
    if len(shape) == 1:
        return np.full(shape, float(name.endswith("norm.weight")), dtype=np.float32)
    spread = EMBEDDING_SPREAD if "embed" in name else SPREAD * float(np.prod(shape[1:])) ** -0.5
    return random.standard_normal(shape, dtype=np.float32) * np.float32(spread)


def sinusoids(length: int, width: int) -> NDArray[np.float32]:
    """The encoder's positions as Whisper has them: sines, then cosines, of wavelengths up to 10,000."""
    steps = np.log(10_000.0) / (width // 2 - 1)
    angles = np.arange(length)[:, np.newaxis] * np.exp(-steps * np.arange(width // 2))
    return np.concatenate([np.sin(angles), np.cos(angles)], axis=1).astype(np.float32)


def _shapes(size: Size) -> Iterator[tuple[str, tuple[int, ...]]]:
    width = size.width
    yield "model.encoder.conv1.weight", (width, BINS, 3)
    yield "model.encoder.conv1.bias", (width,)
    yield "model.encoder.conv2.weight", (width, width, 3)
    yield "model.encoder.conv2.bias", (width,)
    yield "model.decoder.embed_tokens.weight", (VOCABULARY_SIZE, width)
    yield "model.decoder.embed_positions.weight", (TEXT_POSITIONS, width)
    for side in ("encoder", "decoder"):
        for index in range(size.layers):
            yield from _layer(f"model.{side}.layers.{index}", width, decoder=side == "decoder")
        yield from _norm(f"model.{side}.layer_norm", width)


def _layer(name: str, width: int, *, decoder: bool) -> Iterator[tuple[str, tuple[int, ...]]]:
    for attention in ("self_attn", "encoder_attn") if decoder else ("self_attn",):
        for part in ("q_proj", "k_proj", "v_proj", "out_proj"):
            yield f"{name}.{attention}.{part}.weight", (width, width)
            if part != "k_proj":
                yield f"{name}.{attention}.{part}.bias", (width,)
        yield from _norm(f"{name}.{attention}_layer_norm", width)
    for part, (rows, columns) in (("fc1", (4 * width, width)), ("fc2", (width, 4 * width))):
        yield f"{name}.{part}.weight", (rows, columns)
        yield f"{name}.{part}.bias", (rows,)
    yield from _norm(f"{name}.final_layer_norm", width)


def _norm(name: str, width: int) -> Iterator[tuple[str, tuple[int, ...]]]:
    yield f"{name}.weight", (width,)
    yield f"{name}.bias", (width,)


def documents(size: Size, longest_text: int = TEXT_POSITIONS) -> dict[str, dict[str, object]]:
    """config.json, generation_config.json and preprocessor_config.json of such a model."""
    ids = special_ids()
    start, end = ids["<|startoftranscript|>"], ids["<|endoftext|>"]
    common: dict[str, object] = {
        "decoder_start_token_id": start,
        "eos_token_id": end,
        "bos_token_id": end,
        "pad_token_id": end,
        "begin_suppress_tokens": [220, end],
        "suppress_tokens": [],
    }
    return {
        "config.json": {**common, **_architecture(size)},
        "generation_config.json": {
            **common,
            "is_multilingual": True,
            "lang_to_id": {f"<|{code}|>": ids[f"<|{code}|>"] for code in LANGUAGES},
            "task_to_id": {name: ids[f"<|{name}|>"] for name in ("transcribe", "translate")},
            "no_timestamps_token_id": ids["<|notimestamps|>"],
            "max_initial_timestamp_index": 50,
            "max_length": longest_text,
        },
        "preprocessor_config.json": {
            "feature_extractor_type": "WhisperFeatureExtractor",
            "feature_size": BINS,
            "hop_length": 160,
            "n_fft": 400,
            "chunk_length": 30,
            "sampling_rate": 16_000,
        },
    }


def _architecture(size: Size) -> dict[str, object]:
    both = {
        f"{side}_{name}": value
        for side in ("encoder", "decoder")
        for name, value in (
            ("layers", size.layers),
            ("attention_heads", size.heads),
            ("ffn_dim", 4 * size.width),
        )
    }
    return {
        "architectures": ["WhisperForConditionalGeneration"],
        "model_type": "whisper",
        "activation_function": "gelu",
        "d_model": size.width,
        "vocab_size": VOCABULARY_SIZE,
        "num_mel_bins": BINS,
        "max_source_positions": AUDIO_POSITIONS,
        "max_target_positions": TEXT_POSITIONS,
        **both,
    }

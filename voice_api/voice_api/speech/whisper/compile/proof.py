"""Shows that compiled graphs compute what the published ones do, on seeded sound and tokens."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from voice_api.speech.protocol import SAMPLE_RATE
from voice_api.speech.runtime import onnxruntime, trim_memory
from voice_api.speech.whisper.compile.mapped import open_mapped, open_published_decoder
from voice_api.speech.whisper.compile.published import Published
from voice_api.speech.whisper.compile.sizes import Sizes
from voice_api.speech.whisper.compiled import CompiledDecoder, CompiledEncoder
from voice_api.speech.whisper.config import read_features
from voice_api.speech.whisper.errors import ModelFolderError
from voice_api.speech.whisper.features import log_mel
from voice_api.speech.whisper.sessions import Decoder, Encoder, OpenGraph

Values = NDArray[np.float32]
LARGEST_DIFFERENCE = {"fp32": 1e-4, "fp16": 0.05, "int8": 0.5}
"""Of logits, in spreads of them where that is more than 1: the published half precision and int8 graphs
round what they compute on the way, and ours from the same weights do not."""

LEAST_LIKENESS = 0.9
"""Correlation of rounded with exact logits: 4 bits stay above it, one wrong weight falls far below."""

ROWS_AT_ONCE = 4096
FED = (3, 1, 2, 1, 1, 1, 1)
SHARES_OF_CHUNK = (1.0, 0.4, 0.17)
ANOTHER_MODEL = "report it with the name of the model; meanwhile serve the published folder as it is"


@dataclass(frozen=True, slots=True)
class Case:
    """Sound as features, tokens, and the logits [tokens, vocabulary] that the published graphs give."""

    features: Values
    tokens: NDArray[np.int64]
    logits: Values


@dataclass(frozen=True, slots=True)
class Exactness:
    """How far a compiled folder's logits are from the published ones; spread is theirs."""

    largest_difference: float
    spread: float
    likeness: float
    same_choice: float
    positions: int


def published_cases(published: Published, sizes: Sizes, threads: int) -> list[Case]:
    """What the published graphs make of seeded sound; one graph is loaded at a time.

    Whole chunks, and shorter ones where the published encoder takes them.
    """
    encoder = Encoder(published.graphs.encoder, sizes.architecture, threads, open_mapped)
    shares = SHARES_OF_CHUNK if encoder.any_length else (1.0, 1.0)
    features = seeded_features(published.path, sizes, shares)
    # Copies: the session's own results would keep all the memory of its runs.
    hidden = [onnxruntime.OrtValue.ortvalue_from_numpy(encoder.run(each).numpy().copy()) for each in features]
    del encoder
    trim_memory()
    decoder = Decoder(published.graphs, sizes.architecture, threads, open_graph=open_published_decoder)
    tokens = [seeded_tokens(seed, sizes) for seed in range(len(shares))]
    logits = [logits_of(decoder, heard, fed) for heard, fed in zip(hidden, tokens, strict=True)]
    return [Case(*each) for each in zip(features, tokens, logits, strict=True)]


def seeded_features(folder: Path, sizes: Sizes, shares: Sequence[float]) -> list[Values]:
    """Of sound as long as these shares of a chunk, [1, bins, frames] with an even number of frames."""
    settings = read_features(folder, sizes.architecture)
    sounds = [seeded_sound(seed, settings.chunk_seconds * share) for seed, share in enumerate(shares)]
    frames = [round(settings.chunk_frames * share / 2) * 2 for share in shares]
    return [log_mel(sound, settings, count) for sound, count in zip(sounds, frames, strict=True)]


def seeded_tokens(seed: int, sizes: Sizes) -> NDArray[np.int64]:
    return np.random.default_rng(seed).integers(0, sizes.architecture.vocab_size, sum(FED))


def seeded_sound(seed: int, seconds: float) -> Values:
    """A voice-like hum that rises and falls four times a second, in noise."""
    random = np.random.default_rng(seed)
    time = np.arange(round(seconds * SAMPLE_RATE)) / SAMPLE_RATE
    pitch = 110.0 * (1.5 + 0.3 * np.sin(2 * np.pi * (1.0 + seed) * time / 3))
    phase = np.cumsum(2 * np.pi * pitch / SAMPLE_RATE)
    harmonics = sum(np.sin(order * phase) / order for order in range(1, 20))
    loudness = 0.1 * np.maximum(0.0, np.sin(2 * np.pi * 2.0 * time)) ** 2
    return np.asarray(loudness * harmonics + random.normal(0, 0.003, time.size), dtype=np.float32)


def logits_of(decoder: Decoder | CompiledDecoder, heard: object, tokens: NDArray[np.int64]) -> Values:
    """Logits after each token, fed a few at once and one by one."""
    decoding = decoder.begin(heard)  # type: ignore[arg-type]  # each takes what its encoder gives
    parts = np.split(tokens, np.cumsum(FED)[:-1])
    return np.concatenate([decoding.feed(part[np.newaxis], range(part.size))[0].copy() for part in parts])


def exactness(
    folder: Path, sizes: Sizes, cases: Sequence[Case], threads: int, open_graph: OpenGraph
) -> Exactness:
    """Compare a compiled folder with what the published one gave; one graph is loaded at a time."""
    encoder = CompiledEncoder(folder, threads, open_graph)
    heard = [encoder.run(case.features) for case in cases]
    del encoder
    trim_memory()
    decoder = CompiledDecoder(folder, sizes.architecture, threads, open_graph)
    logits = [logits_of(decoder, each, case.tokens) for each, case in zip(heard, cases, strict=True)]
    del decoder, heard
    found = np.concatenate(logits)
    wanted = np.concatenate([case.logits for case in cases])
    kept = np.isfinite(found).all(axis=0)
    found, wanted = found[:, kept], wanted[:, kept]
    return Exactness(
        largest_difference=float(np.abs(found - wanted).max()),
        spread=float(wanted.std()),
        likeness=float(np.corrcoef(found.reshape(-1), wanted.reshape(-1))[0, 1]),
        same_choice=float((found.argmax(axis=-1) == wanted.argmax(axis=-1)).mean()),
        positions=len(wanted),
    )


def require_exact(found: Exactness, published: Published) -> None:
    """Refuse a folder whose weights were not understood."""
    allowed = LARGEST_DIFFERENCE[published.precision] * max(1.0, found.spread)
    if not found.largest_difference <= allowed:
        raise ModelFolderError(
            f"{published.path} was not understood: logits differ by {found.largest_difference:.2g} "
            f"at a spread of {found.spread:.2g}, where {allowed:.2g} is allowed",
            ANOTHER_MODEL,
        )


def require_alike(found: Exactness, published: Published) -> None:
    """Refuse a folder that rounding broke."""
    if not found.likeness >= LEAST_LIKENESS:
        raise ModelFolderError(
            f"{published.path} cannot be rounded: the logits are only {found.likeness:.3f} alike",
            "compile it with --precision fp32, or serve the published folder as it is",
        )


def error_of_scores(folder: Path, sizes: Sizes, features: Sequence[Values], threads: int) -> float:
    """How far the scores of the graph are from those of the table in half precision, at most."""
    encoder = CompiledEncoder(folder, threads)
    decoder = CompiledDecoder(folder, sizes.architecture, threads)
    largest = 0.0
    for seed, each in enumerate(features):
        decoding = decoder.begin(encoder.run(each))
        tokens = seeded_tokens(seed, sizes)
        logits = decoding.feed(tokens[np.newaxis], range(tokens.size))[0]
        largest = max(largest, _off_table(decoder, decoding.states, logits))
    return largest


def _off_table(decoder: CompiledDecoder, states: Values, logits: Values) -> float:
    largest = 0.0
    for start in range(0, len(decoder.tokens), ROWS_AT_ONCE):
        part = slice(start, start + ROWS_AT_ONCE)
        exact = states @ decoder.tokens[part].astype(np.float32).T
        heard = np.isfinite(logits[:, part])
        largest = max(largest, float(np.abs(logits[:, part] - exact)[heard].max(initial=0.0)))
    return largest

"""What the JSON files of a model folder say: sizes, features, and how text is generated."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from voice_api.speech.protocol import SAMPLE_RATE
from voice_api.speech.whisper.documents import Document, read_document, read_if_present
from voice_api.speech.whisper.errors import ModelFolderError
from voice_api.speech.whisper.features import FeatureSettings

FIRST_MULTILINGUAL_VOCABULARY = 51_865
"""Stock Whisper has one token less where it hears English only."""

LONGEST_WINDOW = 16_000
"""Samples of one spectrum: a second, forty times what Whisper uses, and still little memory."""


@dataclass(frozen=True, slots=True)
class Architecture:
    """The sizes that the graphs of a folder must have; names as in config.json."""

    d_model: int
    decoder_layers: int
    decoder_attention_heads: int
    vocab_size: int
    num_mel_bins: int
    max_source_positions: int
    max_target_positions: int

    @property
    def head_size(self) -> int:
        return self.d_model // self.decoder_attention_heads


@dataclass(frozen=True, slots=True)
class Generation:
    """How the folder wants its text generated.

    no_timestamps_token          asks for text without timestamps; None when there is no such token
    first_timestamp              the token of 0.00 s, later moments follow it; None when there are none
    languages, tasks             token ids by code ("en") and by name ("transcribe")
    max_initial_timestamp_index  how many steps the first timestamp may lie in, None for any
    max_length                   tokens of prompt and text together
    alignment_heads              (layer, head) pairs of the decoder that follow the sound; empty when unknown
    """

    start_token: int
    end_token: int
    no_timestamps_token: int | None
    first_timestamp: int | None
    suppressed: tuple[int, ...]
    suppressed_first: tuple[int, ...]
    languages: Mapping[str, int]
    tasks: Mapping[str, int]
    multilingual: bool
    max_initial_timestamp_index: int | None
    max_length: int
    alignment_heads: tuple[tuple[int, int], ...] = ()


def read_architecture(folder: Path) -> Architecture:
    """The sizes in config.json."""
    document = read_document(folder / "config.json")
    kind = document.values.get("model_type")
    if kind != "whisper":
        raise ModelFolderError(
            f"{document.path} describes a model of type {kind!r:.60}", "choose a folder that holds a Whisper"
        )
    names = Architecture.__dataclass_fields__
    architecture = Architecture(**{name: document.whole(name) for name in names})
    if not all(getattr(architecture, name) for name in names):
        raise ModelFolderError(f"{document.path} gives a size of 0", "copy the file again")
    if architecture.d_model % architecture.decoder_attention_heads:
        raise document.wrong("decoder_attention_heads", f"a divisor of d_model {architecture.d_model}")
    return architecture


def read_features(folder: Path, architecture: Architecture) -> FeatureSettings:
    """The feature settings in preprocessor_config.json; they must make what the encoder takes."""
    document = read_document(folder / "preprocessor_config.json")
    settings = FeatureSettings(
        bins=document.whole("feature_size"),
        window_length=document.whole("n_fft", 400),
        hop_length=document.whole("hop_length", 160),
        chunk_seconds=document.number("chunk_length", 30),
    )
    if document.whole("sampling_rate", SAMPLE_RATE) != SAMPLE_RATE:
        raise document.wrong("sampling_rate", str(SAMPLE_RATE))
    if settings.bins != architecture.num_mel_bins:
        raise document.wrong("feature_size", f"num_mel_bins of config.json, {architecture.num_mel_bins}")
    if settings.hop_length < 1:
        raise document.wrong("hop_length", "1 or more")
    if not 2 <= settings.window_length <= LONGEST_WINDOW:
        raise document.wrong("n_fft", f"2 to {LONGEST_WINDOW}")
    if settings.chunk_frames != 2 * architecture.max_source_positions:
        frames = 2 * architecture.max_source_positions
        wanted = f"such that a chunk has {frames} frames (twice max_source_positions of config.json)"
        raise document.wrong("chunk_length", wanted)
    return settings


def read_generation(folder: Path, vocabulary: Mapping[str, int], architecture: Architecture) -> Generation:
    """generation_config.json, completed from config.json and the vocabulary as older folders need."""
    config = read_document(folder / "config.json")
    document = read_if_present(folder / "generation_config.json")
    languages = _languages(document, vocabulary)
    no_timestamps = _no_timestamps(document, vocabulary)
    generation = Generation(
        start_token=_either(document, config, "decoder_start_token_id"),
        end_token=_either(document, config, "eos_token_id"),
        no_timestamps_token=no_timestamps,
        first_timestamp=_first_timestamp(no_timestamps, architecture),
        suppressed=_wholes_of_either(document, config, "suppress_tokens"),
        suppressed_first=_wholes_of_either(document, config, "begin_suppress_tokens"),
        languages=languages,
        tasks=_tasks(document, vocabulary),
        multilingual=_multilingual(document, architecture) and bool(languages),
        max_initial_timestamp_index=document.whole("max_initial_timestamp_index")
        if document.has("max_initial_timestamp_index")
        else None,
        max_length=min(
            document.whole("max_length", architecture.max_target_positions), architecture.max_target_positions
        ),
        alignment_heads=_alignment_heads(document, architecture),
    )
    _within_vocabulary(generation, document, architecture)
    return generation


def _either(document: Document, config: Document, name: str) -> int:
    return document.whole(name) if document.has(name) else config.whole(name)


def _wholes_of_either(document: Document, config: Document, name: str) -> tuple[int, ...]:
    return document.wholes(name) if document.values else config.wholes(name)


def _no_timestamps(document: Document, vocabulary: Mapping[str, int]) -> int | None:
    if document.has("no_timestamps_token_id"):
        return document.whole("no_timestamps_token_id")
    return vocabulary.get("<|notimestamps|>")


def _first_timestamp(no_timestamps: int | None, architecture: Architecture) -> int | None:
    """Whatever follows the no-timestamps token is a moment in time; nothing may follow it."""
    if no_timestamps is None or no_timestamps + 1 >= architecture.vocab_size:
        return None
    return no_timestamps + 1


def _languages(document: Document, vocabulary: Mapping[str, int]) -> Mapping[str, int]:
    """Language tokens by code: as listed, else every two or three letters in token brackets."""
    listed = {name: int(token) for name, token in document.numbers_by_name("lang_to_id").items()}
    tokens = listed or {name: token for name, token in vocabulary.items() if _is_language(name)}
    return {name.strip("<|>"): token for name, token in tokens.items()}


def _is_language(name: str) -> bool:
    return re.fullmatch(r"<\|[a-z]{2,3}\|>", name) is not None


def _tasks(document: Document, vocabulary: Mapping[str, int]) -> Mapping[str, int]:
    listed = {name: int(token) for name, token in document.numbers_by_name("task_to_id").items()}
    names = ("transcribe", "translate")
    return listed or {name: vocabulary[f"<|{name}|>"] for name in names if f"<|{name}|>" in vocabulary}


def _multilingual(document: Document, architecture: Architecture) -> bool:
    guess = document.has("lang_to_id") or architecture.vocab_size >= FIRST_MULTILINGUAL_VOCABULARY
    return document.switch("is_multilingual", guess)


def _alignment_heads(document: Document, architecture: Architecture) -> tuple[tuple[int, int], ...]:
    """Pairs as `[[2, 2], [3, 0]]`; a distilled model may still list those of the model it came from."""
    pairs = document.values.get("alignment_heads") or []
    wanted = "a list of pairs of whole numbers"
    if not isinstance(pairs, list) or not all(isinstance(pair, list) and len(pair) == 2 for pair in pairs):
        raise document.wrong("alignment_heads", wanted)
    if not all(isinstance(number, int) and number >= 0 for pair in pairs for number in pair):
        raise document.wrong("alignment_heads", wanted)
    layers, heads = architecture.decoder_layers, architecture.decoder_attention_heads
    return tuple((layer, head) for layer, head in pairs if layer < layers and head < heads)


def _within_vocabulary(generation: Generation, document: Document, architecture: Architecture) -> None:
    tokens = (
        generation.start_token,
        generation.end_token,
        generation.no_timestamps_token or 0,
        *generation.suppressed,
        *generation.suppressed_first,
        *(generation.languages.values() if generation.multilingual else ()),
        *(generation.tasks.values() if generation.multilingual else ()),
    )
    for wrong in (token for token in tokens if not 0 <= token < architecture.vocab_size):
        raise ModelFolderError(
            f"{document.path} names token {wrong}, config.json has {architecture.vocab_size} tokens",
            "take all JSON files from the same model",
        )

"""Decoding takes the tokens that transformers' greedy search takes, under the same rules."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from voice_api.speech.protocol import TranscribeOptions
from voice_api.speech.stopwatch import Stopwatch
from voice_api.speech.whisper.decode import Decoded, Search, decode
from voice_api.speech.whisper.engine import Whisper
from voice_api.speech.whisper.features import log_mel
from voice_api.speech.whisper.prompts import Prompt
from voice_api.speech.whisper.rules import TokenRules

MERGED = ("encoder_model", "decoder_model_merged")
SENTENCES = ("how many pods are not ready", "list the deployments in the shop namespace", "yes")


def ours(whisper: Whisper, sound: NDArray[np.float32], prompt: Prompt, timed: bool) -> Decoded:
    return decode(
        whisper.model.decoder.begin(whisper.model.encode(sound, Stopwatch())),
        prompt,
        TokenRules(whisper.model.folder.generation, timed),
        Search(),
    )


def theirs(
    model: Any, whisper: Whisper, sound: NDArray[np.float32], prompt: Prompt, timed: bool
) -> tuple[list[int], list[float]]:
    """Tokens and log-probabilities of transformers' search and its own logits processors."""
    import torch
    from transformers import GenerationMixin, LogitsProcessorList
    from transformers.generation.logits_process import (
        SuppressTokensAtBeginLogitsProcessor,
        SuppressTokensLogitsProcessor,
        WhisperTimeStampLogitsProcessor,
    )

    settings, begin = model.generation_config, len(prompt.tokens)
    processors = [
        SuppressTokensAtBeginLogitsProcessor(settings.begin_suppress_tokens, begin),
        SuppressTokensLogitsProcessor(settings.suppress_tokens),
    ]
    if timed:
        processors.append(WhisperTimeStampLogitsProcessor(settings, begin_index=begin))
    found = GenerationMixin.generate(
        model,
        torch.from_numpy(log_mel(sound, whisper.model.folder.features)),
        decoder_input_ids=torch.tensor([prompt.tokens]),
        logits_processor=LogitsProcessorList(processors),
        max_length=whisper.model.folder.generation.max_length,
        suppress_tokens=None,
        begin_suppress_tokens=None,
        return_dict_in_generate=True,
        output_scores=True,
    )
    tokens = found.sequences[0, begin:].tolist()
    scores = [
        score[0].log_softmax(-1)[token].item() for score, token in zip(found.scores, tokens, strict=True)
    ]
    return tokens, scores


@pytest.mark.parametrize("timed", [False, True], ids=["text only", "timestamps"])
@pytest.mark.parametrize(
    "options",
    [
        {"graphs": MERGED, "chunk_seconds": 6},
        {"graphs": MERGED, "chunk_seconds": 6, "multilingual": False},
        {"graphs": MERGED, "size": "tiny"},
    ],
    ids=["multilingual", "English only", "tiny"],
)
def test_tokens_and_their_probabilities_equal_transformers(
    options: dict[str, Any],
    timed: bool,
    load: Callable[..., Whisper],
    original: Callable[[Path], Any],
    speak: Callable[..., Any],
) -> None:
    whisper = load(**options)
    model = original(whisper.model.folder.path)
    language = "nl" if options.get("multilingual", True) else "en"
    prompt = whisper.model.prompter.prompt(TranscribeOptions(), language, timed)
    different = set()
    for sentence in SENTENCES[: 1 if "size" in options else None]:
        tokens, scores = theirs(model, whisper, speak(sentence), prompt, timed)
        found = ours(whisper, speak(sentence), prompt, timed)
        assert [entry.token for entry in found.trace] == tokens
        assert [entry.log_probability for entry in found.trace] == pytest.approx(scores, abs=1e-3)
        different.add(tuple(tokens))
    assert len(different) > 1 or "size" in options, "the same text whatever is said shows nothing"


def test_the_prompt_asks_in_the_order_of_the_reference(load: Callable[..., Whisper]) -> None:
    prompter = load(graphs=MERGED).model.prompter
    ids = prompter.vocabulary.ids
    words = prompter.vocabulary.tokenizer.encode(" pods", add_special_tokens=False).ids
    options = TranscribeOptions(language="de", task="translate", prompt="pods")
    prompt = prompter.prompt(options, "de", timestamps=False)
    names = ["<|startoftranscript|>", "<|de|>", "<|translate|>", "<|notimestamps|>"]
    assert prompt.tokens == (ids["<|startofprev|>"], *words, *(ids[name] for name in names))
    assert prompt.start_index == 1 + len(words)


def test_a_long_prompt_keeps_its_last_words_and_leaves_room(load: Callable[..., Whisper]) -> None:
    model = load(graphs=MERGED).model
    options = TranscribeOptions(prompt="pods " * 500)
    prompt = model.prompter.prompt(options, "en", timestamps=False)
    assert len(prompt.tokens) <= model.folder.generation.max_length // 2 + 4


def test_no_speech_is_told_by_the_token_after_the_start(
    load: Callable[..., Whisper], original: Callable[[Path], Any], speak: Callable[..., Any]
) -> None:
    import torch

    whisper = load(graphs=MERGED)
    model = original(whisper.model.folder.path)
    prompt = whisper.model.prompter.prompt(TranscribeOptions(prompt="pods"), "en", timestamps=False)
    features = torch.from_numpy(log_mel(speak(), whisper.model.folder.features))
    with torch.no_grad():
        logits = model(features, decoder_input_ids=torch.tensor([prompt.tokens])).logits[0]
    token = whisper.model.prompter.vocabulary.ids["<|nospeech|>"]
    wanted = logits[prompt.start_index].softmax(-1)[token].item()
    assert ours(whisper, speak(), prompt, False).no_speech_probability == pytest.approx(wanted, rel=1e-3)


def test_a_warm_temperature_draws_other_tokens(
    load: Callable[..., Whisper], speak: Callable[..., Any]
) -> None:
    whisper = load(graphs=MERGED)
    cold = whisper.transcribe(speak(), TranscribeOptions(language="en"))
    again = whisper.transcribe(speak(), TranscribeOptions(language="en"))
    warm = whisper.transcribe(speak(), TranscribeOptions(language="en", temperature=1.0))
    assert cold.text == again.text
    assert warm.text != cold.text

"""Beam search takes the tokens that transformers' beam search takes, under the same rules."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from voice_api.speech.protocol import TranscribeOptions
from voice_api.speech.stopwatch import Stopwatch
from voice_api.speech.whisper.beam import decode_beams
from voice_api.speech.whisper.decode import Decoded, Search, decode
from voice_api.speech.whisper.engine import Whisper
from voice_api.speech.whisper.features import log_mel
from voice_api.speech.whisper.prompts import Prompt
from voice_api.speech.whisper.rules import TokenRules

SMALL: dict[str, Any] = {"graphs": ("encoder_model", "decoder_model_merged"), "chunk_seconds": 6}
SENTENCES = ("how many pods are not ready", "list the deployments in the shop namespace")


def ours(
    whisper: Whisper, sound: NDArray[np.float32], prompt: Prompt, timed: bool, search: Search
) -> Decoded:
    decoding = whisper.model.decoder.begin(whisper.model.encode(sound, Stopwatch()))
    rules = TokenRules(whisper.model.folder.generation, timed)
    return (decode_beams if search.beams > 1 else decode)(decoding, prompt, rules, search)


def theirs(
    model: Any, whisper: Whisper, sound: NDArray[np.float32], prompt: Prompt, *, timed: bool, beams: int
) -> list[int]:
    """The tokens of transformers' search that ends when as many texts have ended as there are beams."""
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
        Normalised(),
    ]
    if timed:
        processors.insert(2, WhisperTimeStampLogitsProcessor(settings, begin_index=begin))
    found = GenerationMixin.generate(
        model,
        torch.from_numpy(log_mel(sound, whisper.model.folder.features)),
        decoder_input_ids=torch.tensor([prompt.tokens]),
        logits_processor=LogitsProcessorList(processors),
        max_length=whisper.model.folder.generation.max_length,
        suppress_tokens=None,
        begin_suppress_tokens=None,
        num_beams=beams,
        early_stopping=True,
        length_penalty=1.0,
    )
    tokens = found[0, begin:].tolist()
    end = whisper.model.folder.generation.end_token
    return tokens[: tokens.index(end)] if end in tokens else tokens


class Normalised:
    """Log-probabilities of what the rules allow: transformers adds up those of all tokens."""

    def __call__(self, tokens: Any, scores: Any) -> Any:
        return scores.log_softmax(-1)


@pytest.mark.parametrize("timed", [False, True], ids=["text only", "timestamps"])
@pytest.mark.parametrize("beams", [2, 4])
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_the_text_of_several_beams_equals_that_of_transformers(
    seed: int,
    beams: int,
    timed: bool,
    *,
    load: Callable[..., Whisper],
    original: Callable[[Path], Any],
    speak: Callable[..., Any],
) -> None:
    whisper = load(seed=seed, **SMALL)
    prompt = whisper.model.prompter.prompt(TranscribeOptions(), "nl", timed)
    model = original(whisper.model.folder.path)
    for sentence in SENTENCES:
        found = ours(whisper, speak(sentence), prompt, timed, Search(beams=beams))
        assert list(found.tokens) == theirs(model, whisper, speak(sentence), prompt, timed=timed, beams=beams)


def test_more_beams_find_a_text_that_is_likelier_per_token(
    load: Callable[..., Whisper], speak: Callable[..., Any]
) -> None:
    better = 0
    for seed in (0, 1, 2):
        whisper = load(seed=seed, **SMALL)
        prompt = whisper.model.prompter.prompt(TranscribeOptions(), "nl", False)
        greedy, wide = (
            ours(whisper, speak(), prompt, False, Search(beams=beams)).average_log_probability
            for beams in (1, 5)
        )
        better += wide > greedy
    assert better, "as good as greedy everywhere shows nothing"


def test_the_trace_of_a_beam_is_what_its_own_tokens_cost(
    load: Callable[..., Whisper], speak: Callable[..., Any]
) -> None:
    """The same tokens, fed one after the other to a decoding of their own."""
    whisper = load(**SMALL)
    prompt = whisper.model.prompter.prompt(TranscribeOptions(), "nl", False)
    found = ours(whisper, speak(), prompt, False, Search(beams=4))
    decoding = whisper.model.decoder.begin(whisper.model.encode(speak(), Stopwatch()))
    logits = decoding.feed(np.array([prompt.tokens]))[0, 0]
    rules = TokenRules(whisper.model.folder.generation, False)
    for place, entry in enumerate(found.trace):
        allowed = rules.apply(logits, found.tokens[:place]).astype(np.float64)
        assert entry.log_probability == pytest.approx(
            allowed[entry.token] - np.log(np.exp(allowed).sum()), abs=1e-3
        )
        logits = decoding.feed(np.array([[entry.token]]))[0, 0]
    assert len(found.trace) > 3


def test_a_search_ends_when_it_is_told_to(load: Callable[..., Whisper], speak: Callable[..., Any]) -> None:
    whisper = load(**SMALL)
    prompt = whisper.model.prompter.prompt(TranscribeOptions(), "nl", False)
    asked = []

    def go_on() -> None:
        asked.append(len(asked))
        if len(asked) == 4:
            raise TimeoutError

    for beams in (1, 3):
        asked.clear()
        with pytest.raises(TimeoutError):
            ours(whisper, speak(), prompt, False, Search(beams=beams, go_on=go_on))
        assert len(asked) == 4

"""A sound is heard again with live names only where it is not understood, and at the cost of one decoding."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from voice_api.speech.protocol import (
    SAMPLE_RATE,
    Company,
    GivenUpError,
    LiveNames,
    Segment,
    TranscribeOptions,
)
from voice_api.speech.whisper.engine import Whisper, load_whisper
from voice_api.speech.whisper.model import Model
from voice_api.speech.whisper.prompts import PREVIOUS_TEXT, Prompter

EMBEDDED = Path(__file__).parents[2] / "voice_api" / "voice_api" / "models" / "embedded"
PLAIN = TranscribeOptions()
SENTENCE = "restart gopher"
LIVE = ("production", "kube-system", "gopher", "kestrel")
DEMO_NAMES = ("production", "shop", "staging", "redis", "cart", "grafana", "coredns")
Speak = Callable[..., NDArray[np.float32]]


@dataclass
class Understood:
    """Understands exactly these sentences, and remembers what it was asked about."""

    sentences: frozenset[str] = frozenset()
    asked: list[str] = field(default_factory=list)

    def settled(self, text: str) -> bool:
        self.asked.append(text)
        return text in self.sentences

    def better(self, text: str, than: str) -> bool:
        self.asked.append(text)
        return text in self.sentences and than not in self.sentences


def live(*sentences: str, names: tuple[str, ...] = LIVE, **more: Any) -> TranscribeOptions:
    return TranscribeOptions(live=LiveNames(names, Understood(frozenset(sentences)), **more))


class Counting:
    """Hands everything on to a part of a model, and counts the encodings and what decodings were fed."""

    def __init__(self, part: Any) -> None:
        self.part = part
        self.runs = 0
        self.begun: list[list[int]] = []

    def __getattr__(self, name: str) -> Any:
        return getattr(self.part, name)

    def run(self, features: Any) -> Any:
        self.runs += 1
        return self.part.run(features)

    def begin(self, hidden: Any, **more: Any) -> Any:
        self.begun.append([])
        return _Fed(self.part.begin(hidden, **more), self.begun[-1])


class _Fed:
    def __init__(self, decoding: Any, fed: list[int]) -> None:
        self._decoding = decoding
        self._fed = fed

    def __getattr__(self, name: str) -> Any:
        return getattr(self._decoding, name)

    def take(self, tokens: Any, *wanted: Any) -> None:
        self._fed.extend(int(token) for token in tokens[0])
        self._decoding.take(tokens, *wanted)

    def feed(self, tokens: Any, *wanted: Any) -> Any:
        self._fed.extend(int(token) for token in tokens[0])
        return self._decoding.feed(tokens, *wanted)


def counting(whisper: Whisper) -> tuple[Whisper, Counting, Counting]:
    encoder, decoder = Counting(whisper.model.encoder), Counting(whisper.model.decoder)
    return Whisper(replace(whisper.model, encoder=encoder, decoder=decoder)), encoder, decoder


@pytest.fixture(scope="module")
def embedded() -> Whisper:
    return load_whisper(EMBEDDED, 2)


def test_what_is_understood_is_heard_once_and_stays_as_it_is(embedded: Whisper, speak: Speak) -> None:
    whisper, encoder, decoder = counting(embedded)
    sound = speak("how many pods are not ready", "en+f2")
    without = embedded.transcribe(sound, PLAIN)
    always = embedded.transcribe(sound, TranscribeOptions(keywords=DEMO_NAMES))
    assert always.text == "how many pods are not redis", "else there is no harm to be kept from"
    heard = whisper.transcribe(sound, live("how many pods are not ready", names=DEMO_NAMES))
    assert (heard.text, heard.confidence, heard.segments) == (
        "how many pods are not ready",
        without.confidence,
        without.segments,
    )
    assert (heard.names, heard.first) == ("unneeded", None)
    assert (encoder.runs, len(decoder.begun)) == (1, 1)
    assert "decode_names" not in heard.timings_ms


def test_what_is_not_understood_is_decoded_again_from_what_was_encoded_once(
    embedded: Whisper, speak: Speak
) -> None:
    whisper, encoder, decoder = counting(embedded)
    without = whisper.transcribe(speak(SENTENCE), PLAIN)
    assert without.text != SENTENCE, "heard right without names shows nothing"
    encoder.runs, decoder.begun = 0, []
    heard = whisper.transcribe(speak(SENTENCE), live(SENTENCE))
    assert (heard.text, heard.first.text, heard.names) == (SENTENCE, without.text, "taken")
    assert (encoder.runs, len(decoder.begun)) == (1, 2)
    assert heard.timings_ms["decode_names"] > 0


def test_a_second_hearing_that_is_not_better_leaves_the_first(embedded: Whisper, speak: Speak) -> None:
    without = embedded.transcribe(speak(SENTENCE), PLAIN)
    heard = embedded.transcribe(speak(SENTENCE), live("restart kestrel"))
    assert (heard.text, heard.confidence, heard.segments) == (
        without.text,
        without.confidence,
        without.segments,
    )
    assert (heard.names, heard.first) == ("kept", None)
    assert heard.timings_ms["decode_names"] > 0


def test_only_what_stands_in_the_end_is_told(embedded: Whisper, speak: Speak) -> None:
    told: list[Segment] = []
    heard = embedded.transcribe(speak(SENTENCE), live(SENTENCE), Company(heard=told.append))
    assert tuple(told) == heard.segments
    assert [segment.text for segment in told] == [SENTENCE]


def test_where_no_live_name_is_near_nothing_is_decoded_again(embedded: Whisper, speak: Speak) -> None:
    whisper, _, decoder = counting(embedded)
    heard = whisper.transcribe(speak(SENTENCE), live(SENTENCE, names=("xylophone-quartet",)))
    assert heard.names == "not_tried"
    assert len(decoder.begun) == 1


def test_silence_is_not_heard_again(embedded: Whisper) -> None:
    heard = embedded.transcribe(np.zeros(SAMPLE_RATE, np.float32), live(SENTENCE))
    assert (heard.text, heard.names) == ("", "not_tried")


def test_a_long_silence_around_an_utterance_does_no_harm_and_two_utterances_are_not_heard_again(
    embedded: Whisper, speak: Speak
) -> None:
    silence = np.zeros(6 * SAMPLE_RATE, np.float32)
    once = np.concatenate((silence, speak(SENTENCE), silence))
    assert embedded.transcribe(once, live(SENTENCE)).names == "taken"
    twice = np.concatenate((speak(SENTENCE), silence, silence, speak(SENTENCE)))
    heard = embedded.transcribe(twice, live(SENTENCE))
    assert (heard.text, heard.names) == (embedded.transcribe(twice, PLAIN).text, "not_tried")


@pytest.mark.parametrize("tokens", [0, 3])
def test_being_late_costs_the_second_hearing_alone(embedded: Whisper, speak: Speak, tokens: int) -> None:
    without = embedded.transcribe(speak(SENTENCE), PLAIN)

    class Clock:
        """Time is over after so many tokens of the second hearing."""

        left = tokens

        def __le__(self, now: float) -> bool:
            self.left -= 1
            return self.left < 0

    heard = embedded.transcribe(speak(SENTENCE), live(SENTENCE, until=Clock()))
    assert (heard.text, heard.names) == (without.text, "late")
    assert embedded.transcribe(speak(SENTENCE), live(SENTENCE, until=time.monotonic() + 60)).names == "taken"


def test_whoever_goes_away_ends_the_second_hearing_too(embedded: Whisper, speak: Speak) -> None:
    asked = [0]

    def count() -> None:
        asked[0] += 1

    embedded.transcribe(speak(SENTENCE), PLAIN, Company(count))
    first = asked[0]

    def leave() -> None:
        asked[0] -= 1
        if asked[0] < 0:
            raise GivenUpError

    asked[0] = first + 2
    with pytest.raises(GivenUpError):
        embedded.transcribe(speak(SENTENCE), live(SENTENCE), Company(leave))


def test_a_model_that_takes_words_before_it_hears_is_told_the_near_names_in_the_second_hearing_alone(
    embedded: Whisper, speak: Speak
) -> None:
    folder = embedded.model.folder
    ids = {**folder.vocabulary.ids, PREVIOUS_TEXT: folder.vocabulary.ids["<|nospeech|>"]}
    prompted = replace(folder, vocabulary=replace(folder.vocabulary, ids=ids))
    whisper, _, decoder = counting(Whisper(replace(embedded.model, folder=prompted)))
    whisper.transcribe(speak(SENTENCE), live("nothing", names=("xylophone-quartet", "gopher")))
    first, second = decoder.begun
    tokenizer, start = folder.vocabulary.tokenizer, folder.generation.start_token
    assert first[0] == start
    assert second[0] == ids[PREVIOUS_TEXT]
    assert tokenizer.decode(second[1 : second.index(start)]) == " gopher"


def test_names_take_half_of_the_context_at_most_and_the_callers_own_words_come_last(
    load: Callable[..., Whisper],
) -> None:
    model: Model = load().model
    prompter: Prompter = model.prompter
    names = tuple(f"service-{number}" for number in range(500))
    options = replace(PLAIN, language="en", prompt="the shop")
    bare = prompter.prompt(replace(options, prompt=None), "en", False)
    told = prompter.prompt(options, "en", False, names)
    assert told.tokens[told.start_index :] == bare.tokens
    assert told.start_index == model.folder.generation.max_length // 2
    text = model.folder.vocabulary.tokenizer.decode(told.tokens[1 : told.start_index])
    assert text.endswith("-1, service-0. the shop")
    assert "service-499" not in text, "the likeliest are kept"
    assert prompter.prompt(options, "en", False) == prompter.prompt(options, "en", False, ())


def test_the_embedded_model_takes_no_words_before_it_hears(embedded: Whisper) -> None:
    assert embedded.model.prompter.prompt(PLAIN, "en", False, ("gopher",)).start_index == 0

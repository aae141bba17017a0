"""Text becomes sound: of a sane length, in pieces, and never anything but the text."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from voice_api.errors import VoiceApiError
from voice_api.speech.protocol import Speaker, Voice
from voice_api.speech.speakers.cache import CachedSpeaker
from voice_api.speech.speakers.espeak import OPENAI_VOICES, EspeakSpeaker
from voice_api.speech.speakers.sentences import LONGEST_PIECE, readable, sentences


@pytest.fixture(scope="module")
def speaker() -> EspeakSpeaker:
    return EspeakSpeaker()


def seconds(speaker: Speaker, text: str, voice: str | None = None, speed: float = 1.0) -> float:
    return sum(piece.size for piece in speaker.speak(text, voice, speed)) / speaker.sample_rate


def test_a_sentence_sounds_as_long_as_it_takes_to_say(speaker: EspeakSpeaker) -> None:
    sound = np.concatenate(list(speaker.speak("three pods are not ready", None, 1.0)))
    assert 0.8 < sound.size / speaker.sample_rate < 3.0
    assert sound.dtype == np.int16
    assert np.abs(sound.astype(int)).max() > 3_000


def test_twice_the_speed_is_about_half_as_long(speaker: EspeakSpeaker) -> None:
    plain = seconds(speaker, "three pods are not ready in the namespace default")
    assert (
        0.35 < seconds(speaker, "three pods are not ready in the namespace default", speed=2.0) / plain < 0.65
    )
    assert seconds(speaker, "three pods", speed=0.25) > seconds(speaker, "three pods")
    assert seconds(speaker, "three pods", speed=100.0) > 0.1


@pytest.mark.parametrize("speed", [0.0, -1.0, float("nan"), float("inf")])
def test_what_is_no_speed_is_refused_at_once(speaker: EspeakSpeaker, speed: float) -> None:
    with pytest.raises(VoiceApiError, match="speed"):
        speaker.speak("three pods", None, speed)


@pytest.mark.parametrize("voice", ["en", "EN-GB", "en-us+f3", "de", *OPENAI_VOICES])
def test_voices_are_known_by_language_variant_and_openai_name(speaker: EspeakSpeaker, voice: str) -> None:
    assert seconds(speaker, "hello", voice) > 0.2


@pytest.mark.parametrize(
    "voice", ["", "zz", "en-us+nosuch", "en-us+../f3", "../../etc/passwd", "/etc/passwd", "en-us\0", "mb-us1"]
)
def test_an_unknown_voice_is_refused_before_anything_is_said(speaker: EspeakSpeaker, voice: str) -> None:
    with pytest.raises(VoiceApiError) as refused:
        speaker.speak("hello", voice, 1.0)
    assert refused.value.code == "unknown_voice"


def test_every_listed_voice_can_be_asked_for(speaker: EspeakSpeaker) -> None:
    voices = speaker.voices()
    assert len(voices) > 100
    assert len({voice.id for voice in voices}) == len(voices)
    for voice in voices[::12]:
        assert seconds(speaker, "42", voice.id) > 0.1, voice


def test_markup_phonemes_and_commands_are_text_like_any_other(speaker: EspeakSpeaker) -> None:
    """With markup understood the break would last five seconds, with commands the rate would change."""
    assert seconds(speaker, "hello") < seconds(speaker, "hello <break time='9s'/>") < 8
    assert seconds(speaker, "[[h@l'oU]] [[h@l'oU]]") > 1.5 * seconds(speaker, "hello hello")
    slow = "\x01" + "10S some words to say"
    assert seconds(speaker, slow) == pytest.approx(seconds(speaker, slow[1:]), rel=0.02)


@pytest.mark.parametrize("text", ["", "   \n\t", "\0\0\0", "...", "\x01\x02", "\ud800", "\u200b\ufeff"])
def test_nothing_to_read_is_no_sound(speaker: EspeakSpeaker, text: str) -> None:
    assert seconds(speaker, text) == 0.0


def test_text_goes_on_after_a_zero(speaker: EspeakSpeaker) -> None:
    assert seconds(speaker, "hello\0world") == pytest.approx(seconds(speaker, "hello world"), rel=0.02)


def test_a_very_long_text_begins_at_once_and_ends(speaker: EspeakSpeaker) -> None:
    pieces = speaker.speak("word " * 13_000, None, 2.0)
    assert next(pieces).size / speaker.sample_rate < 60
    assert sum(1 for _ in pieces) >= 65_000 // LONGEST_PIECE - 1


def test_a_reader_who_stops_frees_the_speaker_for_others(speaker: EspeakSpeaker) -> None:
    pieces = speaker.speak("One sentence. Another sentence. A third one.", None, 1.0)
    next(pieces)
    with ThreadPoolExecutor(1) as other:
        assert other.submit(seconds, EspeakSpeaker(), "hello").result(timeout=60) > 0.2
    del pieces
    assert seconds(speaker, "hello") > 0.2


def test_two_threads_do_not_mix_their_sound(speaker: EspeakSpeaker) -> None:
    texts = ["three pods", "all the deployments are ready now", "no", "scale the shop to seventeen replicas"]
    alone = [seconds(speaker, text) for text in texts]
    with ThreadPoolExecutor(4) as threads:
        together = list(threads.map(lambda text: seconds(speaker, text), texts * 5))
    assert together == pytest.approx(alone * 5, rel=0.02)


@settings(max_examples=100)
@given(st.text(max_size=2_000))
def test_every_readable_character_is_said_once(text: str) -> None:
    pieces = list(sentences(text))
    assert all(0 < len(piece) <= LONGEST_PIECE for piece in pieces)
    said = "".join(pieces)
    wanted = [character for character in readable(text) if character.isalnum()]
    assert [character for character in said if character.isalnum()] == wanted
    assert not any(ord(character) < 32 for character in said.replace("\n", ""))


@settings(max_examples=15)
@given(st.text(max_size=60))
def test_any_text_can_be_said(text: str) -> None:
    assert seconds(EspeakSpeaker(), text) < 200


class CountingSpeaker:
    """Stands for an engine that costs something: counts what it is asked, and says one second per word."""

    name = "counting"
    sample_rate = 100

    def __init__(self) -> None:
        self.asked = 0

    def voices(self) -> tuple[Voice, ...]:
        return ()

    def speak(self, text: str, voice: str | None, speed: float) -> Iterator[NDArray[np.int16]]:
        self.asked += 1
        return (np.full(100, len(word), dtype=np.int16) for word in text.split())


def said(speaker: Speaker, text: str, speed: float = 1.0) -> list[int]:
    return [int(sample) for piece in speaker.speak(text, None, speed) for sample in piece]


def test_what_was_said_lately_is_not_made_again() -> None:
    counting = CountingSpeaker()
    cached = CachedSpeaker(counting)
    assert said(cached, "three pods") == said(cached, "three pods") == said(counting, "three pods")
    assert counting.asked == 2
    said(cached, "three pods", speed=2.0)
    assert counting.asked == 3


def test_the_cache_stays_below_its_bound_and_forgets_the_least_used() -> None:
    counting = CountingSpeaker()
    cached = CachedSpeaker(counting, capacity_bytes=500)
    for text in ("one", "two", "one", "six"):
        said(cached, text)
    assert cached.kept_bytes == 400
    asked = counting.asked
    said(cached, "one")
    assert counting.asked == asked
    said(cached, "two")
    assert counting.asked == asked + 1
    said(cached, "far too long a text to be kept")
    assert cached.kept_bytes <= 500


def test_an_utterance_that_was_broken_off_is_not_kept() -> None:
    counting = CountingSpeaker()
    cached = CachedSpeaker(counting)
    next(cached.speak("three pods", None, 1.0))
    assert cached.kept_bytes == 0
    assert said(cached, "three pods") == said(counting, "three pods")


def test_what_is_kept_cannot_be_changed_by_a_reader() -> None:
    cached = CachedSpeaker(CountingSpeaker())
    said(cached, "three")
    (piece,) = cached.speak("three", None, 1.0)
    with pytest.raises(ValueError, match="read-only"):
        piece[0] = 1

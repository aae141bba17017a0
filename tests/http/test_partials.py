"""Words while somebody still speaks: agreement, turns and the buffer, each by itself."""

import random

import numpy as np
import pytest

from voice_api.speech.partials import LEAST_WAIT_SECONDS, Agreement, wait_seconds
from voice_api.speech.sound_buffer import Inflow, SoundBuffer
from voice_api.speech.turns import CHUNK_SAMPLES, Turns, TurnSettings


def told(*hypotheses: str) -> list[str]:
    """What is told after each hypothesis, the last one being of the whole."""
    agreement, pieces = Agreement(), []
    for hypothesis in hypotheses[:-1]:
        before, agreement = agreement, agreement.after(hypothesis)
        pieces.append(agreement.told_since(before))
    return [*pieces, agreement.ended(hypotheses[-1]).told_since(agreement)]


def test_what_two_hypotheses_agree_on_is_told_but_for_the_last_word() -> None:
    assert told("how many", "how many pots", "how many pods are", "how many pods are running") == [
        "",
        "how many",
        "",
        " pods are running",
    ]
    assert told("how many", "how many", "how many pods") == ["", "how", " many pods"]


def test_case_and_punctuation_are_no_disagreement() -> None:
    assert told("How many pods.", "how many pods are there", "How many pods are there?") == [
        "",
        "how many pods",
        " are there?",
    ]


def test_what_was_told_is_never_taken_back_and_the_difference_is_known() -> None:
    agreement = Agreement().after("list pots in shop").after("list pots in shop now")
    assert agreement.text == "list pots in shop"
    ended = agreement.ended("list pods in shop now please")
    assert ended.text == "list pots in shop now please"
    assert ended.contradicted
    assert not agreement.ended("List pots in shop, now").contradicted


def test_a_word_that_appears_or_vanishes_early_does_not_shift_what_comes_after() -> None:
    agreement = Agreement().after("show the nodes in edge").after("show the nodes in edge one")
    assert agreement.text == "show the nodes in edge"
    assert agreement.ended("show nodes in edge one").told_since(agreement) == " one"
    assert agreement.ended("please show the nodes in edge one").told_since(agreement) == " one"


def test_a_script_without_spaces_is_told_by_its_characters() -> None:
    assert told("ポッドを見", "ポッドを見せて", "ポッドを見せてください") == [
        "",
        "ポッドを見",
        "せてください",
    ]


def test_nothing_and_silence_tell_nothing() -> None:
    assert told("", "", "") == ["", "", ""]
    assert told("", "list", "") == ["", "", ""]


def test_whatever_the_hypotheses_what_is_told_only_grows_and_ends_with_the_last_words() -> None:
    chance = random.Random(5)
    words = ["list", "pods", "in", "shop", "edge-1", "and", "nodes", "ok."]
    for _ in range(300):
        agreement = Agreement()
        for _ in range(chance.randrange(8)):
            before = agreement
            agreement = agreement.after(" ".join(chance.choices(words, k=chance.randrange(9))))
            assert agreement.text.startswith(before.text)
        last = " ".join(chance.choices(words, k=chance.randrange(9)))
        ended = agreement.ended(last)
        assert ended.text.startswith(agreement.text)
        if not agreement.stable:
            assert ended.text == last


def test_hearing_again_takes_at_most_a_quarter_of_the_time() -> None:
    assert wait_seconds(0.01) == LEAST_WAIT_SECONDS
    assert wait_seconds(2.0) == 8.0


def speech(*chunks: int) -> np.ndarray:
    """Chunks of sound whose amplitude is the probability that the stand-in detector tells."""
    return np.repeat(np.array(chunks, np.float32), CHUNK_SAMPLES)


def edges(turns: Turns, sound: np.ndarray, piece: int) -> list[tuple[str, int]]:
    found = []
    for start in range(0, sound.size, piece):
        found += [
            (edge.kind, edge.sample // CHUNK_SAMPLES) for edge in turns.feed(sound[start : start + piece])
        ]
    return found


@pytest.mark.parametrize("piece", [100, 512, 1_600, 100_000])
def test_a_turn_begins_with_its_prefix_and_ends_after_its_silence(piece: int) -> None:
    settings = TurnSettings(
        prefix_seconds=2 * CHUNK_SAMPLES / 16_000, silence_seconds=4 * CHUNK_SAMPLES / 16_000
    )
    turns = Turns(settings, lambda chunk: float(chunk[0]))
    sound = speech(*[0] * 5, 1, 0, *[1] * 6, 0, 0, 1, *[0] * 6, 1, 1, 1)
    assert edges(turns, sound, piece) == [("started", 5), ("stopped", 20), ("started", 20)]
    assert turns.speaking


def test_a_click_is_no_turn() -> None:
    turns = Turns(TurnSettings(), lambda chunk: float(chunk[0]))
    assert edges(turns, speech(0, 1, 1, 0, 1, 0, 1, 1, 0), 512) == []


def test_the_real_detector_finds_a_spoken_sentence(recording: object) -> None:
    from voice_api.audio.decoding import AudioLimits, read_sound

    body = recording("how many pods are running")  # type: ignore[operator]
    sound = read_sound(body, AudioLimits(60, 4_000, 192_000, 8)).samples
    turns = Turns(TurnSettings())
    silence = np.zeros(16_000, np.float32)
    kinds = [edge.kind for edge in turns.feed(np.concatenate((silence, sound, silence)))]
    assert kinds == ["started", "stopped"]


@pytest.mark.parametrize("rate", [16_000, 24_000])
def test_sound_comes_out_as_long_and_as_loud_as_it_went_in(rate: int) -> None:
    inflow, buffer = Inflow(rate), SoundBuffer()
    tone = np.sin(np.arange(rate * 2) * 2 * np.pi * 440 / rate) * 0.5
    pcm = (tone * 32_767).astype("<i2").tobytes()
    for start in range(0, len(pcm), 3_200):
        buffer.append(inflow.feed(pcm[start : start + 3_200]))
    buffer.append(inflow.end())
    sound = buffer.sound()
    assert abs(sound.size - 32_000) < 32
    assert np.abs(sound[1_000:-1_000]).max() == pytest.approx(0.5, abs=0.01)


def test_a_buffer_gives_what_comes_before_a_sample_and_keeps_the_rest() -> None:
    buffer = SoundBuffer()
    for start in range(0, 100, 10):
        buffer.append(np.arange(start, start + 10, dtype=np.float32))
    assert buffer.take(25).tolist() == list(range(25))
    assert (buffer.begin, buffer.end) == (25, 100)
    assert buffer.take(10).size == 0
    assert buffer.take(1_000).tolist() == list(range(25, 100))
    assert buffer.sound().size == 0
    assert buffer.begin == buffer.end == 100

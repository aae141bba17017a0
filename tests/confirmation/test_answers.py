"""Only a plain yes is a yes, and a no anywhere is a no."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from voice_api.commands.confirmation.answers import Means, Wanted, meaning
from voice_api.commands.confirmation.echo import echoes, too_early
from voice_api.commands.normalise import normalise

WANTED = Wanted("voice-api", "47")


@pytest.mark.parametrize(
    ("said", "means"),
    [
        ("yes", "yes"),
        ("Yes, please.", "yes"),
        ("yes yes I confirm", "yes"),
        ("go ahead", "yes"),
        ("no", "no"),
        ("no, thank you", "no"),
        ("yes, no, wait", "no"),
        ("yes but only two", "no"),
        ("don't", "no"),
        ("do not do it", "no"),
        ("yes stop", "no"),
        ("never mind", "no"),
        ("voice api", "name"),
        ("yes, voice-api", "name"),
        ("confirm the voice a p i", "name"),
        ("four seven", "code"),
        ("forty seven", "code"),
        ("47", "code"),
        ("yes 47", "code"),
        ("confirm voice api four seven", "code"),
        ("four eight", "wrong_code"),
        ("voice api four eight", "wrong_code"),
        ("seven four", "wrong_code"),
        ("yes to ten", "other"),
        ("yes with ten replicas", "other"),
        ("yes and delete everything", "other"),
        ("yes in production", "other"),
        ("voice", "other"),
        ("boys api", "other"),
        ("voice api in staging", "other"),
        ("four", "other"),
        ("four seven one", "other"),
        ("restart voice api", "other"),
        ("", "other"),
        ("okay", "other"),
        ("yesterday", "other"),
        ("yes " * 13, "other"),
        ("y\u0435s", "other"),
        ("yes\u202e on", "other"),
    ],
)
def test_an_answer_means_one_thing(said: str, means: Means) -> None:
    assert meaning(said, WANTED) == means


SOME = "yes yeah confirm i go ahead do it sure to ten shop voice api seven please delete"
WORDS = st.sampled_from(SOME.split())


@given(st.lists(WORDS, max_size=8) | st.text(max_size=300).map(str.split))
def test_a_yes_has_no_other_words_beside_it(words: list[str]) -> None:
    if meaning(" ".join(words), WANTED) == "yes":
        plain = (
            "yes yeah yep confirm confirmed correct affirmative i go ahead do it that is right sure and the"
        )
        assert set(normalise(" ".join(words)).split()) <= set(plain.split())


@given(
    st.lists(st.sampled_from(["yes", "no", "confirm", "voice", "api", "four", "seven", "scale"]), max_size=8)
)
def test_a_no_among_other_words_is_never_a_yes(words: list[str]) -> None:
    assert meaning(" ".join([*words, "no"]), WANTED) in {"no", "other"}


QUESTION = "Restart voice-api in production, five pods? Say the name, or four seven."


@pytest.mark.parametrize(
    ("heard", "is_echo"),
    [
        ("restart voice api in production", True),
        ("in production five pods", True),
        ("the name or 47", True),
        ("or four seven", True),
        ("voice api", False),
        ("four seven", False),
        ("yes", False),
        ("yes restart it", False),
        ("", False),
    ],
)
def test_three_words_of_the_question_in_a_row_are_its_echo(heard: str, is_echo: bool) -> None:
    assert echoes(heard, QUESTION) is is_echo


@pytest.mark.parametrize(
    ("began", "played", "early"),
    [(10.0, 9.0, False), (9.4, 9.0, True), (8.0, 9.0, True), (None, 9.0, True), (10.0, None, True)],
)
def test_speech_counts_only_after_the_question(
    began: float | None, played: float | None, early: bool
) -> None:
    assert too_early(began, played) is early

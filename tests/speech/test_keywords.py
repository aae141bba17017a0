"""Names that may be said are favoured within a bound, never for nothing, and never in the confidence."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scripted import Scripted

from voice_api.speech.protocol import TranscribeOptions
from voice_api.speech.whisper.beam import decode_beams
from voice_api.speech.whisper.config import Generation
from voice_api.speech.whisper.decode import Search, decode
from voice_api.speech.whisper.engine import Whisper
from voice_api.speech.whisper.keywords import NO_KEYWORDS, Keywords, Weights, keywords_of, letters_of
from voice_api.speech.whisper.prompts import Prompt
from voice_api.speech.whisper.rules import TokenRules

LETTERS = "abcd"
SPELT = [
    *LETTERS,
    "Ġ",
    *(f"Ġ{letter}" for letter in LETTERS),
    "ab",
    "bc",
    "cd",
    "Ġab",
    ".",
    "<|end|>",
    "<|start|>",
]
IDS: Mapping[str, int] = {text: token for token, text in enumerate(SPELT)}
END, START = IDS["<|end|>"], IDS["<|start|>"]
GENERATION = Generation(
    start_token=START,
    end_token=END,
    no_timestamps_token=None,
    first_timestamp=None,
    suppressed=(START,),
    suppressed_first=(),
    languages={},
    tasks={},
    multilingual=False,
    max_initial_timestamp_index=None,
    max_length=12,
)
WEIGHTS = Weights(letter=1.0, token=1.0, whole=2.0, bound=4.0, gap=3.0)
ALL_SEARCHES = pytest.mark.parametrize("beams", [1, 3])

words = st.text(LETTERS, min_size=1, max_size=5)
names = st.lists(st.lists(words, min_size=1, max_size=2).map("Ġ".join), max_size=4)
texts = st.lists(
    st.sampled_from([token for token in range(len(SPELT)) if token not in (END, START)]), max_size=12
)


def keywords(*spoken: str, weights: Weights = WEIGHTS) -> Keywords:
    forms = [[token for word in name.split("Ġ") for token in (f"Ġ{word[0]}", *word[1:])] for name in spoken]
    return Keywords(forms, letters_of(IDS), weights)


def hear(logits_after: Callable[[tuple[int, ...]], Any], search: Search) -> str:
    rules = TokenRules(GENERATION, timestamps=False)
    found = (decode_beams if search.beams > 1 else decode)(
        Scripted(logits_after), Prompt((START,), 0), rules, search
    )
    return "".join(SPELT[token] for token in found.tokens).replace("Ġ", " ")


def preferring(likely: str, other: str, deficit: float) -> Callable[[tuple[int, ...]], Any]:
    """Logits of a model that would say `likely`, or `other` with so much less where the two part.

    Texts as tokens: "Ġa|b|c".
    """
    first, second = ([START, *(IDS[part] for part in text.split("|")), END] for text in (likely, other))

    def logits_after(tokens: tuple[int, ...]) -> Any:
        logits, here = np.full(len(SPELT), -30.0, dtype=np.float32), len(tokens)
        if [*tokens] == second[:here]:
            parting = second[:here] == first[:here]
            logits[second[here]] = -deficit if parting else 0.0
        if [*tokens] == first[:here]:
            logits[first[here]] = 0.0
        return logits

    return logits_after


@given(st.lists(words, max_size=4), texts.filter(lambda tokens: IDS["."] not in tokens))
def test_only_names_said_in_full_are_worth_anything_in_the_end(spoken: list[str], tokens: list[int]) -> None:
    known = keywords(*spoken)
    place = known.start()
    for token in tokens:
        place = known.after(place, token)
    said = "".join(SPELT[token] for token in tokens).split("Ġ")
    wanted = sum(known.worth(f"Ġ{word}") for word in said if word in spoken)
    assert known.after(place, END).bonus == pytest.approx(wanted)


@given(names, texts)
def test_the_bonus_never_exceeds_the_bound_for_each_word(spoken: list[str], tokens: list[int]) -> None:
    known = keywords(*spoken)
    place = known.start()
    for token in tokens:
        place = known.after(place, token)
        begun = sum(SPELT[token].startswith("Ġ") for token in tokens) + 1
        assert 0.0 <= place.bonus <= WEIGHTS.bound * begun
        assert place.bonus - place.kept <= WEIGHTS.bound


@given(names, texts)
def test_what_is_added_to_the_logits_is_what_every_token_changes(
    spoken: list[str], tokens: list[int]
) -> None:
    known = keywords(*spoken)
    place = known.start()
    for token in tokens:
        place = known.after(place, token)
    logits = np.zeros(len(SPELT), dtype=np.float32)
    everywhere = known.favour(logits, place)
    changes = [known.after(place, token).bonus - place.bonus for token in range(len(SPELT))]
    assert logits + everywhere == pytest.approx(changes, abs=1e-5)


@given(names, st.integers(0, 2**32 - 1))
def test_a_single_text_never_pays_more_than_the_bound_for_a_name(spoken: list[str], seed: int) -> None:
    known, random = keywords(*spoken), np.random.default_rng(seed)
    place = known.start()
    for _ in range(12):
        logits = random.normal(0.0, 2.0, len(SPELT)).astype(np.float32)
        best = int(logits.argmax())
        token, place = known.choose(logits, best, place)
        assert token == best or any(name.paid <= WEIGHTS.bound + 1e-5 for name in place.begun)
        assert logits[best] - logits[token] <= WEIGHTS.bound


@ALL_SEARCHES
def test_a_name_that_sounds_nearly_so_is_heard(beams: int) -> None:
    model = preferring("Ġa|b|c", "Ġa|b|d", 2.5)
    assert hear(model, Search(beams=beams)) == " abc"
    assert hear(model, Search(beams=beams, keywords=keywords("abd"))) == " abd"


@ALL_SEARCHES
def test_a_name_that_sounds_otherwise_by_more_than_the_bound_is_not_heard(beams: int) -> None:
    model = preferring("Ġa|b|c", "Ġa|b|d", WEIGHTS.bound + 0.5)
    assert hear(model, Search(beams=beams, keywords=keywords("abd"))) == " abc"


def test_a_name_begun_in_vain_is_forgotten() -> None:
    """What sounds like the beginning of a name, and is none, must not be cut or bent."""
    model = preferring("Ġa|b|c", "Ġd|c|b", 2.5)
    assert hear(model, Search(beams=3, keywords=keywords("dcccc"))) == " abc"


def test_a_name_within_a_longer_word_is_no_name() -> None:
    model = preferring("Ġa|b|c", "Ġd|b|c", 2.5)
    assert hear(model, Search(beams=3, keywords=keywords("db"))) == " abc"
    assert hear(preferring("Ġa|b", "Ġd|b", 2.5), Search(beams=3, keywords=keywords("db"))) == " db"


@ALL_SEARCHES
def test_the_trace_tells_what_the_model_thought_without_the_names(beams: int) -> None:
    model = preferring("Ġa|b|c", "Ġa|b|d", 2.5)
    rules = TokenRules(GENERATION, timestamps=False)
    search = Search(beams=beams, keywords=keywords("abd"))
    found = (decode_beams if beams > 1 else decode)(Scripted(model), Prompt((START,), 0), rules, search)
    chosen = next(entry for entry in found.trace if entry.token == IDS["d"])
    assert chosen.log_probability == pytest.approx(-2.5 - np.log1p(np.exp(-2.5)), abs=1e-4)
    assert chosen.margin == pytest.approx(-2.5, abs=1e-4)


@ALL_SEARCHES
def test_names_that_cannot_be_said_change_nothing_at_all(
    beams: int, load: Callable[..., Whisper], speak: Callable[..., Any]
) -> None:
    whisper = load(graphs=("encoder_model", "decoder_model_merged"), chunk_seconds=6)
    plain = TranscribeOptions(language="nl", beams=beams)
    without = whisper.measure(speak(), plain)
    empty = whisper.measure(speak(), replace(plain, keywords=("--", "")))
    assert replace(without[0], timings_ms={}) == replace(empty[0], timings_ms={})
    assert without[1] == empty[1]


def test_a_name_may_be_said_with_and_without_space_and_in_any_split(
    small_folder: Path, small: Whisper
) -> None:
    vocabulary = small.model.folder.vocabulary
    known = keywords_of(("web-2",), vocabulary)
    for text in (" web two", "web two", " web-2", " web 2", "Web-2".lower()):
        for pieces in (
            vocabulary.tokenizer.encode(text, add_special_tokens=False).tokens,
            [*text.replace(" ", "Ġ")],
        ):
            place = known.start()
            for piece in pieces:
                place = known.after(place, vocabulary.ids[piece])
            ended = known.after(place, small.model.folder.generation.end_token)
            assert ended.kept == known.worth(text.strip().replace(" ", "Ġ")), (text, pieces)


def test_the_same_names_are_prepared_once(small: Whisper) -> None:
    vocabulary = small.model.folder.vocabulary
    assert keywords_of(("web",), vocabulary) is keywords_of(("web",), vocabulary)
    assert not keywords_of((), vocabulary)
    assert not NO_KEYWORDS

"""A spoken name becomes a live one only when it is sure."""

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rapidfuzz.distance import Indel

from voice_api.commands.normalise import digits
from voice_api.commands.resolve import MARGIN, THRESHOLD, Resolved, Unsure, resolve

LIVE = (
    *("default", "kube-system", "monitoring", "production", "shop", "staging", "broadcast"),
    *("ingest-01", "ingest-02", "checkout-service", "web-app", "webapp", "voice-api", "redis"),
    *("now", "id"),
)
NAMES = st.from_regex(r"[a-z][a-z0-9]{0,6}(-[a-z0-9]{1,6}){0,2}", fullmatch=True)


@pytest.mark.parametrize(
    ("spoken", "name"),
    [
        ("production", "production"),
        ("prod", "production"),
        ("kube system", "kube-system"),
        ("cube system", "kube-system"),
        ("voice dash api", "voice-api"),
        ("voice a p i", "voice-api"),
        ("read is", "redis"),
        ("monitor ring", "monitoring"),
        ("checkout", "checkout-service"),
        ("ingest zero one", "ingest-01"),
        ("ingest oh two", "ingest-02"),
        ("ingest 01", "ingest-01"),
        ("now", "now"),
        ("id", "id"),
    ],
)
def test_a_sure_name_is_taken(spoken: str, name: str) -> None:
    assert resolve(spoken, LIVE) == Resolved(name)


@pytest.mark.parametrize(
    ("spoken", "candidates"),
    [
        ("ingest", ("ingest-01", "ingest-02")),
        ("ingest three", ("ingest-01", "ingest-02")),
        ("web app", ("web-app", "webapp")),
        ("off service", ("checkout-service",)),
        ("boys api", ("voice-api",)),
        ("broad", ("broadcast",)),
        ("mars", ()),
        ("", ()),
    ],
)
def test_an_unsure_name_is_asked_about(spoken: str, candidates: tuple[str, ...]) -> None:
    assert resolve(spoken, LIVE) == Unsure(spoken, candidates)


def test_the_abbreviation_of_a_live_name_is_not_taken_for_another() -> None:
    assert resolve("prod", ["prod", "production"]) == Resolved("prod")
    assert isinstance(resolve("broad", ["prod", "broadcast"]), Unsure)


@pytest.mark.parametrize(
    ("spoken", "names"),
    [
        ("team alpha", ("team-alphas", "team-alphab")),
        ("payment", ("payments", "paymentx")),
        ("stagin", ("staging", "stagings")),
    ],
)
def test_two_names_equally_near_are_asked_about(spoken: str, names: tuple[str, ...]) -> None:
    answer = resolve(spoken, names)
    assert isinstance(answer, Unsure)
    assert set(answer.candidates) == set(names)


@pytest.mark.parametrize("spoken", ["production shop", "staging shop", "production and shop"])
def test_two_names_said_together_are_asked_about(spoken: str) -> None:
    assert isinstance(resolve(spoken, LIVE), Unsure)


@pytest.mark.parametrize(("spoken", "name"), [("ingest zero two", "ingest-01"), ("edge twelve", "edge-1")])
def test_another_number_is_another_name(spoken: str, name: str) -> None:
    assert resolve(spoken, [name]) == Unsure(spoken, (name,))


@st.composite
def misheard(draw: st.DrawFn) -> tuple[str, list[str]]:
    """Names, some of which differ by a letter, and one of them as somebody might have heard it."""
    names = draw(st.lists(NAMES, min_size=1, max_size=6))
    names += [name + draw(st.sampled_from("aest12")) for name in names]
    name = draw(st.sampled_from(names))
    place = draw(st.integers(0, len(name)))
    return name[:place] + draw(st.sampled_from(["", "a", "s", " ", "1"])) + name[place + 1 :], names


@given(misheard())
@settings(max_examples=250, deadline=None)
def test_nothing_below_the_threshold_or_within_the_margin_is_taken(heard: tuple[str, list[str]]) -> None:
    spoken, names = heard
    answer = resolve(spoken, names)
    if isinstance(answer, Unsure):
        assert len(answer.candidates) <= 3
        assert set(answer.candidates) <= set(names)
        return
    said, taken = _form(spoken), _form(answer.name)
    assert answer.name in names
    assert _digits(said) == _digits(taken)
    if said == taken:
        assert [name for name in set(names) if _form(name) == taken] == [answer.name]
    elif not taken.startswith(said):
        rivals = [
            _likeness(said, _form(name))
            for name in set(names) - {answer.name}
            if _digits(_form(name)) == _digits(said)
        ]
        assert _likeness(said, taken) >= THRESHOLD - 1e-9
        assert max(rivals, default=0.0) <= _likeness(said, taken) - MARGIN + 1e-9


@given(st.lists(NAMES, min_size=1, max_size=12), st.data())
def test_a_name_said_as_it_is_written_is_found(names: list[str], data: st.DataObject) -> None:
    name = data.draw(st.sampled_from(names))
    answer = resolve(name.replace("-", " "), names)
    same = {each for each in names if _form(each) == _form(name)}
    assert answer == Resolved(name) if same == {name} else isinstance(answer, Unsure)


@given(st.lists(NAMES, max_size=8))
def test_the_order_of_the_names_does_not_matter(names: list[str]) -> None:
    assert resolve("voice api one", names) == resolve("voice api one", list(reversed(names)))


def _form(name: str) -> str:
    return digits(re.sub(r"[^a-z0-9]+", " ", name)).replace(" ", "")


def _digits(form: str) -> str:
    return "".join(re.findall(r"\d", form))


def _likeness(one: str, other: str) -> float:
    return Indel.normalized_similarity(one, other)

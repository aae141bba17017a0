"""Label selectors, by their meaning: what is generated is known, what is selected must agree."""

from collections.abc import Callable
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as some

from kvx_rehearsal.labels import checked, selector
from kvx_rehearsal.refusals import Refusal

Labels = dict[str, str]
Term = tuple[str, Callable[[Labels], bool]]

NAMES = some.sampled_from(["a", "b", "kvx/cluster", "kvx/pool", "x.y/z_1", "in", "notin"])
VALUES = some.sampled_from(["", "1", "demo", "a.b-c_d", "in"])
LABELS = some.dictionaries(NAMES, VALUES, max_size=4)
SPACE = some.sampled_from(["", " "])


@some.composite
def terms(draw: some.DrawFn) -> Term:
    """One term in words, and what it means."""
    key, values = draw(NAMES), draw(some.lists(VALUES, min_size=1, max_size=3))
    space = draw(SPACE)
    first, listed = values[0], f",{space}".join(values)
    choices: list[Term] = [
        (key, lambda labels: key in labels),
        (f"!{key}", lambda labels: key not in labels),
        (f"{key}{space}={space}{first}", lambda labels: labels.get(key) == first),
        (f"{key}{space}=={space}{first}", lambda labels: labels.get(key) == first),
        (f"{key}{space}!={space}{first}", lambda labels: labels.get(key) != first),
        (f"{key} in {space}({listed})", lambda labels: labels.get(key) in values),
        (f"{key} notin ({space}{listed})", lambda labels: labels.get(key) not in values),
    ]
    return draw(some.sampled_from(choices))


@given(some.lists(terms(), max_size=4), LABELS, SPACE)
def test_a_selector_selects_what_all_its_terms_mean(parts: list[Term], labels: Labels, space: str) -> None:
    text = f",{space}".join(words for words, _ in parts)
    assert selector(text)(labels) is all(means(labels) for _, means in parts)


@given(LABELS)
def test_labels_that_may_be_stored_come_back_as_they_are(labels: Labels) -> None:
    assert checked(labels) == labels


@given(some.text(max_size=30))
def test_any_text_is_a_selector_or_is_refused(text: str) -> None:
    with suppress(Refusal):
        assert selector(text)({}) in (True, False)


@pytest.mark.parametrize(
    "text", ["a in", "a in ()b", "=b", "a==b==c", "a,,b", "!", "a b", "a in (b", "-a", "a=b/c"]
)
def test_what_is_no_selector_is_refused(text: str) -> None:
    with pytest.raises(Refusal, match="invalid input"):
        selector(text)


@pytest.mark.parametrize(
    "labels",
    [
        {"a": "2026-11-21T08:00:00"},
        {"a": "me@example.com"},
        {"a": "x" * 64},
        {"a": "-b"},
        {"a": 1},
        {"x" * 64: ""},
        {"UPPER/a": ""},
        {"a/b/c": ""},
        {"": ""},
        {"hetzner.cloud/a": ""},
        ["a"],
    ],
)
def test_labels_that_may_not_be_stored_are_refused(labels: object) -> None:
    with pytest.raises(Refusal, match="labels"):
        checked(labels)

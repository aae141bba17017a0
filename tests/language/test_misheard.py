"""What was misheard is what it can only be, or is asked about; the worse it is, the less is guessed."""

import random
import tomllib
from collections.abc import Iterator
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from voice_api.commands.language.meanings import Question, Situation
from voice_api.commands.language.names import LiveNames, LiveObject

HERE = Path(__file__)


def _module(name: str) -> ModuleType:
    spec = spec_from_file_location(name, HERE.with_name(f"test_{name}.py"))
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


NOISE = _module("noise")
SET = NOISE.SET


def unseen_names() -> Iterator[LiveObject]:
    content: dict[str, Any] = tomllib.loads((SET.HERE / "unseen.toml").read_text())
    for kind in ("namespace", "node", "context"):
        yield from (LiveObject(name, "", kind) for name in content.pop(f"{kind}s"))
    for kind, homes in content.items():
        for home, names in homes.items():
            yield from (LiveObject(name, home, kind) for name in names)


UNSEEN = Situation(LiveNames(unseen_names()))
CLEAR, MISHEARD = (
    [(said, SET.in_order(meant)) for said, _, meant in (each.partition(" => ") for each in part) if meant]
    for part in (text.splitlines() for text in (SET.HERE / "unseen.txt").read_text().split("# Misheard"))
)


def scored(said_and_meant: list[tuple[str, str]]) -> float:
    """How much of it is right; none of it may change what nobody meant."""
    right, wrong = 0, []
    for said, meant in said_and_meant:
        understanding = SET.INTERPRETER.understand(said, UNSEEN)
        right += SET.outcome(understanding) == meant
        meant_changes = {NOISE.without_version(change) for change in meant.split("; ")}
        changed = {NOISE.without_version(change) for change in SET.changes(understanding)}
        wrong += [(said, change) for change in changed - meant_changes]
    assert wrong == []
    return right / len(said_and_meant)


def test_sentences_that_nothing_was_tuned_on_are_understood_as_well() -> None:
    chance = random.Random(99)
    noisy = [
        (NOISE.noisy(said, chance), meant)
        for said, meant in CLEAR
        if meant not in {"?", "-"}
        for _ in range(4)
    ]
    for name, said_and_meant, least in (
        ("clear", CLEAR, 0.95), ("misheard", MISHEARD, 0.75), ("noisy", noisy, 0.8),
    ):  # fmt: skip
        share = scored(said_and_meant)
        print(f"\n| unseen, {name} | {len(said_and_meant)} | {share:.1%} right |", end="")
        assert share >= least, name


@pytest.mark.parametrize(
    ("heard", "meant"),
    [
        ("wh ich pods are not rea dy", "unready_pods"),
        ("list the the pods", "list_objects kind=pods"),
        ("list pods the in shop", "list_objects kind=pods namespace=shop"),
        ("how many ports are in shop", "count kind=pods namespace=shop"),
        ("show logs checkout", "logs name=checkout namespace=shop"),
        ("scal checkout two three", "scale name=checkout namespace=shop replicas=3"),
        ("scale checkout to thrre", "scale name=checkout namespace=shop replicas=3"),
        ("restarted checkout", "restart name=checkout namespace=shop"),
        ("cordn edge one", "cordon node=edge-1"),
        ("de lete the deployment recommendations", "delete_deployment name=recommendations namespace=shop"),
        ("add a replica two checkout", "scale_by name=checkout namespace=shop change=1"),
    ],
)
def test_what_can_only_be_one_sentence_is_that_one(heard: str, meant: str) -> None:
    assert SET.outcome(SET.understood(heard)) == SET.in_order(meant)


@pytest.mark.parametrize(
    "heard",
    [
        "npause checkout",  # pause, or unpause
        "ncordon edge one",
        "deletee the deployment checkout",  # nothing is taken for what destroys
        "dain edge one",
        "stopp checkout",
        "skill checkout to three",  # scale, or kill
        "we start checkout",  # restart, or start
        "shut own checkout",
        "cart",  # what begins a sentence was said, or it was no sentence
        "save checkout",  # no "have", which may be "halve"
        "skale chekout to three",  # one guess upon another
        "restart checkout unles it is up",
        "skale checkout to three unless it is up",
        "scale checkout to nive",  # five, or nine
        "scale checkout to o",
        "scale checkout to a",
        "skale checkout to three;",
        "undo ahat",  # "undo that", or auth
    ],
)
def test_what_may_be_something_else_changes_nothing(heard: str) -> None:
    assert SET.changes(SET.understood(heard)) == []


def test_two_guesses_are_asked_about_with_what_they_come_to() -> None:
    question = SET.understood("skale chekout to three")
    assert isinstance(question, Question)
    assert [each.name for each in question.candidates] == ["checkout"]
    assert question.proposal.values == {"replicas": 3}


@pytest.mark.parametrize("heard", ["how many bots are there", "how many gods are in shop"])
def test_what_is_counted_is_not_guessed_by_its_letters(heard: str) -> None:
    assert SET.outcome(SET.understood(heard)) == "-"


def test_a_name_with_a_condition_in_it_is_not_joined_by_a_guess() -> None:
    live = Situation(LiveNames([LiveObject("stop-if-idle", "shop", "deployment")]))
    assert SET.changes(SET.INTERPRETER.understand("restart stop if idle", live))
    assert not SET.changes(SET.INTERPRETER.understand("restartt stop if idle", live))

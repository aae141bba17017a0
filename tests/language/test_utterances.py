"""What operators say comes out as they mean it, and what they do not mean changes nothing: scored."""

import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from voice_api.commands.language.check import interpreter
from voice_api.commands.language.meanings import Question, Situation
from voice_api.commands.language.names import LiveNames, LiveObject
from voice_api.commands.language.understand import Understanding, Understood
from voice_api.commands.level import Level
from voice_api.commands.registry.declaring import Call

HERE = Path(__file__).parent / "utterances"
INTERPRETER = interpreter()


def live() -> Iterator[LiveObject]:
    content: dict[str, Any] = tomllib.loads((HERE / "cluster.toml").read_text())
    for kind in ("namespace", "node", "context"):
        yield from (LiveObject(name, "", kind) for name in content.pop(f"{kind}s"))
    for kind, homes in content.items():
        for home, names in homes.items():
            yield from (LiveObject(name, home, kind) for name in names)


SITUATION = Situation(LiveNames(live()))


def lines(file: str) -> list[str]:
    return [line for line in (HERE / file).read_text().splitlines() if line and not line.startswith("#")]


SAID = [(said, meant) for line in lines("said.txt") for said, meant in [line.split(" => ")]]
HOSTILE = lines("hostile.txt")


def told(call: Call) -> str:
    arguments = sorted(call.values.items(), key=lambda item: item[0])
    return " ".join([call.function.name, *(f"{name}={value}" for name, value in arguments)])


def outcome(understanding: Understanding) -> str:
    """As it is written in said.txt, with the arguments in order."""
    if isinstance(understanding, Understood):
        return "; ".join(told(call) for call in understanding.calls)
    return "?" if isinstance(understanding, Question) and understanding.candidates else "-"


def in_order(meant: str) -> str:
    parts = (part.split() for part in meant.split("; "))
    return "; ".join(" ".join([name, *sorted(arguments)]) for name, *arguments in parts)


def understood(said: str) -> Understanding:
    return INTERPRETER.understand(said, SITUATION)


def changes(understanding: Understanding) -> list[str]:
    calls = understanding.calls if isinstance(understanding, Understood) else ()
    return [told(call) for call in calls if call.function.level is not Level.READ_ONLY]


def test_the_sets_are_large_enough_and_nothing_is_in_them_twice() -> None:
    assert len(SAID) >= 150
    assert len(HOSTILE) >= 50
    assert len({said for said, _ in SAID}) == len(SAID)
    assert len(set(HOSTILE)) == len(HOSTILE)
    functions = {part.split()[0] for _, meant in SAID for part in meant.split("; ")} - {"?", "-"}
    assert functions == set(INTERPRETER.functions)


def test_nine_in_ten_utterances_come_out_as_they_are_meant() -> None:
    wrong = [
        f"{said!r}: {got}, not {in_order(meant)}"
        for said, meant in SAID
        if (got := outcome(understood(said))) != in_order(meant)
    ]
    share = 1 - len(wrong) / len(SAID)
    print(f"{len(SAID)} utterances, {share:.1%} right")
    assert share >= 0.9, "\n".join(wrong)


@pytest.mark.parametrize(("said", "meant"), SAID)
def test_no_utterance_changes_anything_else_than_was_meant(said: str, meant: str) -> None:
    assert set(changes(understood(said))) <= set(in_order(meant).split("; "))


@pytest.mark.parametrize("said", HOSTILE)
def test_nothing_hostile_changes_anything(said: str) -> None:
    assert changes(understood(said)) == []

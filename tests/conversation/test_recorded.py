"""Every turn leaves a record: what came of it, how long it took, and the words for whoever keeps them."""

from typing import Any

import pytest
from conftest import Talk

from voice_api.commands.journal.statistics import statistics


def records(talk: Talk) -> list[dict[str, Any]]:
    return [{"event": event, "security": security, **content} for event, security, content in talk.lab.events]


@pytest.mark.parametrize(
    ("said", "event", "status"),
    [
        ("where am i", "answered", "SUCCESS"),
        ("describe the teapot", "unclear", "NEEDS_CLARIFICATION"),
        ("sing me a song", "unclear", "NEEDS_CLARIFICATION"),
        ("scale cart to five in shop", "asked", "REQUIRES_CONFIRMATION"),
        ("scale coredns to five in kube system", "denied", "PERMISSION_DENIED"),
    ],
)
def test_a_turn_is_recorded_with_its_words_and_times(talk: Talk, said: str, event: str, status: str) -> None:
    reply = talk(said, timings=lambda: {"decode": 7.0})
    assert reply.status == status
    (record,) = records(talk)
    assert (record["event"], record["status"], record["transcript"]) == (event, status, said)
    assert (record["user"], record["command"]) == ("ada", "cmd_1")
    assert set(record["timings_ms"]) == {"decode", "interpret", "act"}
    assert record["timings_ms"]["decode"] == 7.0
    assert 0 < record["timings_ms"]["interpret"] <= reply.timings_ms["interpret"] + 0.001


def test_what_was_agreed_to_counts_as_well(talk: Talk) -> None:
    talk("scale cart to five in shop")
    assert talk("yes").status == "SUCCESS"
    assert [each["event"] for each in records(talk)] == ["asked", "settled"]
    assert records(talk)[1]["transcript"] == "yes"


def test_analytics_come_from_these_records(talk: Talk) -> None:
    for sentence in ("where am i", "who am i", "who am i", "sing me a song"):
        talk(sentence)
    found = statistics([{**each, "time": 1.0} for each in records(talk)], 0.0)
    assert (found.turns, found.success_rate, found.clarification_rate) == (4, 0.75, 0.25)
    assert found.functions[0] == ("who_am_i", 2)
    assert {"interpret", "act"} <= set(found.stages_ms)

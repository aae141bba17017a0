"""The time line of a rehearsal, from the journal of its run."""

from typing import Any

from kvx.commands.rehearse_time import time_line


def record(time: float, event: str, run: str = "b", **step: Any) -> dict[str, Any]:
    return {"time": time, "run": run, "event": event, **step}


def step(phase: str, words: str) -> dict[str, Any]:
    return {"phase": phase, "words": words, "digest": f"{phase} {words}"}


def test_phases_and_steps_are_told_with_what_they_took_but_for_moments() -> None:
    records = [
        record(0, "run started", "a"),
        record(1, "started", "a", **step("provision", "make the machines")),
        record(9, "finished", "a", **step("provision", "make the machines")),
        record(100, "run started"),
        record(100, "started", **step("configure", "wait for them")),
        record(100.25, "finished", **step("configure", "wait for them")),
        record(101, "started", **step("configure", "make them a cluster")),
        record(141, "finished", **step("configure", "make them a cluster")),
        record(142, "started", **step("verify", "ask")),
        record(144, "finished", **step("verify", "ask")),
        record(144, "run finished"),
    ]
    assert [" ".join(line.split()) for line in time_line(records)] == [
        "Time line 42.2 s",
        "configure 40.2 s",
        "make them a cluster 40.0 s",
        "verify 2.0 s",
        "ask 2.0 s",
    ]


def test_a_step_that_was_broken_off_has_no_time() -> None:
    records = [
        record(0, "started", **step("images", "build")),
        record(9, "interrupted", **step("images", "build")),
        record(10, "started", **step("images", "build")),
        record(13, "finished", **step("images", "build")),
    ]
    assert time_line(records)[0].endswith(" 3.0 s")


def test_where_nothing_had_to_be_done_there_is_no_time_line() -> None:
    assert time_line([record(0, "run started"), record(1, "run finished")]) == []
    assert time_line([]) == []

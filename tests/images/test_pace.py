"""How far a build is: steps, bytes, and the time that is left by how long it took the last time."""

from datetime import datetime, timedelta
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kvx.images.pace import WHOLE, Pace

# A busy machine is no fault of what is tried.
PATIENT = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
BEGIN = datetime.fromisoformat("2026-11-21T18:00:00.123456789Z")


def step(name: str, begun: float | None = None, ended: float | None = None) -> dict[str, Any]:
    """A vertex as BuildKit tells it; times in seconds since the build began."""
    row: dict[str, Any] = {"digest": f"sha256:{name}", "name": name}
    for key, seconds in (("started", begun), ("completed", ended)):
        if seconds is not None:
            row[key] = (BEGIN + timedelta(seconds=seconds)).isoformat()
    return row


def test_without_a_build_before_there_is_no_time_left_to_tell() -> None:
    pace = Pace({})
    for row in (step("base", 0, 1), step("packages", 1), step("service")):
        pace.step(row)
    assert pace.words == "1 of 3 steps"


def test_what_is_left_is_what_the_steps_took_before() -> None:
    before = Pace({})
    for row in (step("base", 0, 10), step("packages", 10, 90), step("service", 10, 20)):
        before.step(row)
    assert before.seconds == {"base": 10, "packages": 80, "service": 10, WHOLE: 90}
    pace = Pace(before.seconds)
    assert pace.seconds_left == 90
    pace.step(step("base", 0, 10))
    assert pace.words == "1 of 1 steps, about 81 s left"
    pace.step(step("packages", 10, 50))
    assert pace.seconds_left == 9


def test_bytes_are_told_while_some_are_missing() -> None:
    pace = Pace({})
    pace.step(step("pushing", 0))
    pace.transfer({"id": "sha256:a", "vertex": "sha256:pushing", "current": 5_000_000, "total": 80_000_000})
    pace.transfer({"id": "sha256:b", "vertex": "sha256:pushing", "current": 1_000_000, "total": 1_000_000})
    pace.transfer({"id": "extracting", "vertex": "sha256:pushing", "current": 3})
    assert pace.words == "0 of 1 steps, 6.0 of 81.0 MB"
    pace.transfer({"id": "sha256:a", "vertex": "sha256:pushing", "current": 80_000_000, "total": 80_000_000})
    assert pace.words == "0 of 1 steps"


@PATIENT
@given(st.lists(st.tuples(st.sampled_from("abcd"), st.floats(0, 99), st.floats(0, 99)), max_size=12))
def test_time_left_is_never_negative_nor_more_than_the_whole(rows: list[tuple[str, float, float]]) -> None:
    before = {"a": 3.0, "b": 5.0, WHOLE: 6.0}
    pace = Pace(before)
    for name, begun, ended in rows:
        pace.step(step(name, begun, ended))
        left = pace.seconds_left
        assert left is not None
        assert 0 <= left <= 6.0
    assert pace.seconds[WHOLE] >= 0

"""How far a build is and how long the rest takes: by what BuildKit tells, and how long it took before."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

WHOLE = "the whole build"
_LEAST_SECONDS = 0.05


class Pace:
    """Fed with the rows of `--progress=rawjson`; `before` has the seconds of each step of the last build."""

    def __init__(self, before: Mapping[str, float]) -> None:
        self._before = before
        self._steps: dict[str, str] = {}
        self._done: dict[str, float] = {}
        self._bytes: dict[tuple[str, str], tuple[int, int]] = {}
        self._times: list[datetime] = []

    def step(self, row: Mapping[str, Any]) -> None:
        """A vertex: a step of the build, or a layer that is fetched or pushed."""
        digest, name = str(row.get("digest")), str(row.get("name") or "")
        self._steps[digest] = name
        begun, ended = _time(row.get("started")), _time(row.get("completed"))
        self._times += [time for time in (begun, ended) if time]
        if begun and ended:
            self._done[digest] = max(_LEAST_SECONDS, (ended - begun).total_seconds())

    def transfer(self, row: Mapping[str, Any]) -> None:
        """A status: bytes of a layer, of which some are there."""
        total = int(row.get("total") or 0)
        if total > 0:
            key = (str(row.get("vertex")), str(row.get("id")))
            self._bytes[key] = (min(int(row.get("current") or 0), total), total)

    @property
    def words(self) -> str:
        """Steps, bytes, and the time that is left, as far as each is known."""
        parts = [f"{len(self._done)} of {len(self._steps)} steps"]
        there, total = (sum(pair[part] for pair in self._bytes.values()) for part in (0, 1))
        if there < total:
            parts.append(f"{there / 1e6:.1f} of {total / 1e6:.1f} MB")
        left = self.seconds_left
        return ", ".join((*parts, f"about {left:.0f} s left") if left is not None else parts)

    @property
    def seconds_left(self) -> float | None:
        """As much of the last build's time as the steps had that are not done now; None without one."""
        steps = {name: seconds for name, seconds in self._before.items() if name != WHOLE}
        whole, work = self._before.get(WHOLE), sum(steps.values())
        if not whole or work <= 0:
            return None
        done = {self._steps[digest] for digest in self._done}
        return whole * sum(seconds for name, seconds in steps.items() if name not in done) / work

    @property
    def seconds(self) -> dict[str, float]:
        """What the next build is to know of this one."""
        found = {self._steps[digest]: round(seconds, 2) for digest, seconds in self._done.items()}
        whole = (max(self._times) - min(self._times)).total_seconds() if self._times else 0
        return {**found, WHOLE: round(whole, 2)}


def _time(text: object) -> datetime | None:
    try:
        return datetime.fromisoformat(str(text)) if text else None
    except ValueError:
        return None

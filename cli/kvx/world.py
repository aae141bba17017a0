"""The world as a parameter: clocks, sleep and the wish to stop, and what performing a step came to."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Outcome:
    """What performing a step came to; `lines` are for people, `data` for the report."""

    changed: bool
    lines: tuple[str, ...] = ()
    data: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class World:
    """Everything a driver may ask of its surroundings; times in seconds."""

    now: Callable[[], float]
    monotonic: Callable[[], float]
    sleep: Callable[[float], None]
    progress: Callable[[str], None]
    stop_requested: Callable[[], bool]


def real_world(
    progress: Callable[[str], None] = lambda _words: None,
    stop_requested: Callable[[], bool] = lambda: False,
) -> World:
    """The clocks of this machine."""
    return World(time.time, time.monotonic, time.sleep, progress, stop_requested)

"""When a service that died is started again, and when it is given up."""

from dataclasses import dataclass

QUICK_SECONDS = 30
LONGEST_PAUSE_SECONDS = 30


@dataclass(frozen=True, slots=True)
class Restart:
    """`pause_seconds` is None when the service is given up."""

    quick_deaths: int
    pause_seconds: float | None


def after_death(quick_deaths: int, lived_seconds: float, first_pause_seconds: float, limit: int) -> Restart:
    """Pauses double with each quick death, up to 30 s; a life of 30 s counts as a fresh start."""
    deaths = quick_deaths + 1 if lived_seconds < QUICK_SECONDS else 1
    if deaths >= limit:
        return Restart(deaths, None)
    return Restart(deaths, min(first_pause_seconds * 2 ** (deaths - 1), LONGEST_PAUSE_SECONDS))

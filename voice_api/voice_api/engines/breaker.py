"""A circuit breaker: an engine that fails is left alone for a while, then asked once; pure."""

from dataclasses import dataclass, replace
from typing import Literal

FAILURES = 5
WITHIN_SECONDS = 30.0
REST_SECONDS = 30.0
LONGEST_REST_SECONDS = 3_600.0
PROBE_SECONDS = 30.0
"""A probe that says nothing for so long is taken to have died."""

Permission = Literal["call", "probe", "no"]


@dataclass(frozen=True, slots=True)
class Breaker:
    """Times are of a clock that never goes back; without `open_until` it is closed.

    That a free tier is used up is no matter of this: the ledger knows it, until the day of the reset.
    """

    failures: tuple[float, ...] = ()
    open_until: float | None = None
    probing_until: float | None = None


CLOSED = Breaker()


def asked(breaker: Breaker, now: float) -> tuple[Breaker, Permission]:
    """Whether the engine may be called now; a probe only if none is under way."""
    if breaker.open_until is None:
        return breaker, "call"
    if now < breaker.open_until or (breaker.probing_until is not None and now < breaker.probing_until):
        return breaker, "no"
    return replace(breaker, probing_until=now + PROBE_SECONDS), "probe"


def failed(breaker: Breaker, permission: Permission, now: float) -> Breaker:
    """After a call that failed by the engine's fault."""
    if breaker.open_until is not None:
        return Breaker(open_until=now + REST_SECONDS) if permission == "probe" else breaker
    lately = (*(at for at in breaker.failures if now - at < WITHIN_SECONDS), now)
    return Breaker(lately) if len(lately) < FAILURES else Breaker(open_until=now + REST_SECONDS)


def worked(breaker: Breaker, permission: Permission) -> Breaker:
    """After a call that was answered; one that began before the breaker opened does not close it."""
    return CLOSED if permission == "probe" else breaker


def undecided(breaker: Breaker, permission: Permission) -> Breaker:
    """After a call that says nothing of the engine: given up, or at fault itself."""
    return replace(breaker, probing_until=None) if permission == "probe" else breaker


def told_to_wait(seconds: float, now: float) -> Breaker:
    """After a refusal that names a time (Retry-After): nobody asks before it has passed."""
    return Breaker(open_until=now + min(max(seconds, 0.0), LONGEST_REST_SECONDS))

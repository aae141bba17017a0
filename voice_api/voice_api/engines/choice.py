"""Which engine is wished, and which are tried; pure."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

from voice_api.engines.engine import LOCAL, Engine

Policy = Literal["local", "cloud", "cheapest", "best", "emotion"]
Spent = Literal["budget", "rate", "exhausted", "ledger_unavailable"]
Occupied = Literal["busy", "resting", "repeated"]
Barred = Literal["local_only", "no_consent", "cannot"]
Broken = Literal["too_late", "unreachable", "closed", "throttled", "failed", "refused", "no_key"]
Reason = Spent | Occupied | Barred | Broken
"""Why the engine that was wished did not answer.

Spent     nothing more may be spent, or nobody can say
Occupied  it has as much as it takes, it failed lately, or this very wish went out before
Barred    the settings, the caller's key or the engine itself forbid it
Broken    it was asked, and this came of it; refused is by our own fault
"""


@dataclass(frozen=True, slots=True)
class Answered:
    """Who answered; told in every reply and counted.

    degraded  another engine was wished
    reason    why that one did not answer
    wished    that one; None where no engine can do it at all
    """

    engine: str
    degraded: bool = False
    reason: Reason | None = None
    wished: str | None = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class Candidate:
    """An engine, what this request would cost with it, and what stands against asking it."""

    engine: Engine
    microeuros: int = 0
    obstacle: Reason | None = None


@dataclass(frozen=True, slots=True)
class Choice:
    """Who is tried, in order: at most one that is not local, so that time is lost at most once.

    wished  who would have answered if nothing stood against it; None if no engine can do this at all
    reason  what stood against the one wished
    """

    order: tuple[Engine, ...]
    wished: str | None
    reason: Reason | None = None

    def answered(self, engine: Engine, failure: Reason | None = None) -> Answered:
        """What the reply says when that engine answered, after a failure of the one before it."""
        degraded = engine.name != self.wished
        return Answered(engine.name, degraded, (self.reason or failure) if degraded else None, self.wished)


def choose(policy: Policy, candidates: Sequence[Candidate]) -> Choice:
    """Candidates are in the order of the settings, local among them where it can do what is asked."""
    ranked = _ranked(policy, candidates)
    if not ranked:
        return Choice(_local(candidates), None, "cannot")
    wished = ranked[0]
    free = [each.engine for each in ranked if each.obstacle is None]
    first = free[:1] or list(_local(candidates))
    fallback = [engine for engine in _local(candidates) if engine not in first]
    return Choice((*first, *fallback), wished.engine.name, wished.obstacle)


def _ranked(policy: Policy, candidates: Sequence[Candidate]) -> list[Candidate]:
    """Those whom a policy wishes, the most wished first; of equals the one on this machine."""
    match policy:
        case "local":
            return [each for each in candidates if each.engine.name == LOCAL]
        case "cloud":
            return [each for each in candidates if each.engine.name != LOCAL]
        case "cheapest":
            return sorted(candidates, key=lambda each: (each.microeuros, each.engine.leaves_machine))
        case "best":
            return sorted(candidates, key=lambda each: (-each.engine.quality, each.engine.leaves_machine))
        case "emotion":
            return [each for each in candidates if each.engine.emotion]


def _local(candidates: Sequence[Candidate]) -> tuple[Engine, ...]:
    return tuple(each.engine for each in candidates if each.engine.name == LOCAL)

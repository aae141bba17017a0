"""What kvx lets a cloud engine be used for: its own bounds, whatever the provider would allow."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from zoneinfo import ZoneInfo

from voice_api.usage.amounts import Unit
from voice_api.usage.budgets import Budget
from voice_api.usage.windows import AtOnce, Month, Moving

MINUTE = Moving(60_000)
EVERY_FIRST = Month(1, ZoneInfo("UTC"))


@dataclass(frozen=True, slots=True)
class Bounds:
    """Bounds of an engine, or of one caller's use of it; None is without a bound.

    minutes and characters are of a month, as is euros.
    """

    minutes: Decimal | None = None
    requests_a_minute: int | None = None
    characters: int | None = None
    euros: Decimal | None = None

    def budgets(self, month: Month, engine: str, caller: str | None) -> tuple[Budget, ...]:
        """The same as budgets; parts of a unit are not given out."""
        minutes = None if self.minutes is None else int(self.minutes * 60_000)
        euros = None if self.euros is None else int(self.euros * 1_000_000)
        bounds: tuple[tuple[Unit, int | None, Month | Moving], ...] = (
            (Unit.MILLISECONDS, minutes, month),
            (Unit.REQUESTS, self.requests_a_minute, MINUTE),
            (Unit.CHARACTERS, self.characters, month),
            (Unit.MICROEUROS, euros, month),
        )
        return tuple(
            Budget(unit, most, window, engine, caller) for unit, most, window in bounds if most is not None
        )


UNBOUNDED = Bounds()
FREE_TIER = Bounds(minutes=Decimal(10), requests_a_minute=10)


@dataclass(frozen=True, slots=True)
class EnginePolicy:
    """Bounds of one engine.

    month        from the day of the subscription, in the provider's time zone
    whole        for all callers together
    each_caller  for every caller who has none of their own
    callers      for some callers by name
    at_once      requests under way, whichever process made them; None is without a bound
    """

    month: Month = EVERY_FIRST
    whole: Bounds = FREE_TIER
    each_caller: Bounds = UNBOUNDED
    callers: Mapping[str, Bounds] = field(default_factory=dict)
    at_once: int | None = None


@dataclass(frozen=True, slots=True)
class Policy:
    """Bounds of all engines; an engine that is not named has those of a free tier."""

    engines: Mapping[str, EnginePolicy] = field(default_factory=dict)

    def budgets(self, engine: str, caller: str) -> tuple[Budget, ...]:
        """What holds when that caller uses that engine; for the ledger."""
        policy = self.engines.get(engine, EnginePolicy())
        own = policy.callers.get(caller, policy.each_caller)
        whole = policy.whole.budgets(policy.month, engine, None)
        most = policy.at_once
        together = () if most is None else (Budget(Unit.REQUESTS, most, AtOnce(), engine),)
        return (*whole, *own.budgets(policy.month, engine, caller), *together)

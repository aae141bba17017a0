"""What engines were used for and what that cost: the voice API's own ledger, as it tells it.

The service counts in whole milliseconds, characters and millionths of a euro, by engine and by key; what
is kept here are its counts of a month, each with the second in which they were told.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any

from kvx.cost.bill import Charge, rounded, with_tax
from kvx.cost.times import Month, parse_month, seconds_of
from kvx.errors import ExitCode, KvxError

SCHEMA = "kvx.usage/1"
KIND = "engine"
LOCAL = "local"
"""What is heard and spoken on the own machines: they are billed, and it is not."""

CURRENCY = "EUR"
UNITS = ("requests", "milliseconds", "characters", "microeuros", "spoken_milliseconds")
_MILLION, _MINUTE_MILLISECONDS = Decimal(1_000_000), Decimal(60_000)


@dataclass(frozen=True, slots=True)
class Used:
    """What one key used one engine for, from the beginning of a month until the second `at`.

    Of a cloud engine `milliseconds` are those that it asks money for.
    """

    engine: str
    key: str
    at: int
    requests: int = 0
    milliseconds: int = 0
    characters: int = 0
    microeuros: int = 0
    spoken_milliseconds: int = 0

    @property
    def heard_minutes(self) -> Decimal:
        return Decimal(self.milliseconds) / _MINUTE_MILLISECONDS

    @property
    def spoken_minutes(self) -> Decimal:
        return Decimal(self.spoken_milliseconds) / _MINUTE_MILLISECONDS

    @property
    def minutes(self) -> Decimal:
        """Those that a price is by: a cloud engine counts what it hears, or where it only speaks, that."""
        if self.engine == LOCAL:
            return self.heard_minutes + self.spoken_minutes
        return self.heard_minutes or self.spoken_minutes

    @property
    def net(self) -> Decimal:
        return rounded(Decimal(self.microeuros) / _MILLION)

    @property
    def per_minute(self) -> Decimal | None:
        """Net, of a cloud engine; None where there was no sound."""
        return self.net / self.minutes if self.minutes else None

    def plus(self, other: "Used") -> "Used":
        return replace(
            self,
            requests=self.requests + other.requests,
            milliseconds=self.milliseconds + other.milliseconds,
            characters=self.characters + other.characters,
            microeuros=self.microeuros + other.microeuros,
            spoken_milliseconds=self.spoken_milliseconds + other.spoken_milliseconds,
        )


@dataclass(frozen=True, slots=True)
class Allowance:
    """A bound that the voice API keeps for an engine; `key` None: for all keys together.

    `empty_at` is when it is used up at the pace of today, None where it lasts until `resets_at`.
    """

    name: str
    engine: str
    key: str | None
    unit: str
    limit: int
    left: int
    resets_at: int | None
    empty_at: int | None

    @property
    def left_ratio(self) -> Decimal:
        return Decimal(self.left) / self.limit if self.limit else Decimal(0)

    @property
    def ends_early(self) -> bool:
        """Whether it is used up before it begins anew."""
        return self.empty_at is not None and (self.resets_at is None or self.empty_at < self.resets_at)


@dataclass(frozen=True, slots=True)
class Usage:
    """One answer of GET /v1/usage."""

    month: Month
    used: tuple[Used, ...]
    allowances: tuple[Allowance, ...]


def read_usage(document: object) -> Usage:
    """Raises a KvxError (exit code 4) for what is not that answer; what it says besides is not read."""
    try:
        return _usage(document)
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        message = f"that is not what a voice API was used for: {error}"
        raise KvxError(message, "curl VOICE_API/v1/usage shows it", ExitCode.INCOMPLETE) from None


def until(told: Iterable[Used], second: int) -> tuple[Used, ...]:
    """The last counts that were told by then, of each engine and key; told in the order of time."""
    last = {(each.engine, each.key): each for each in told if each.at <= second}
    return tuple(each for _, each in sorted(last.items()))


def by_engine(used: Iterable[Used]) -> Mapping[str, Used]:
    """All keys together."""
    groups: dict[str, Used] = {}
    for each in used:
        known = groups.get(each.engine)
        groups[each.engine] = each if known is None else known.plus(each)
    return dict(sorted(groups.items()))


def charges(used: Iterable[Used], month: Month, currency: str, vat_rate: Decimal | None) -> Iterator[Charge]:
    """A line for each engine and key, in euros: where all else is in another currency, it is not known.

    The price is that of a unit of what the engine was used for most visibly.
    """
    for each in (each for each in used if each.engine != LOCAL):
        quantity, unit = _quantity(each)
        net = each.net if currency == CURRENCY else None
        price = None if net is None else net / quantity if quantity else Decimal(0)
        yield Charge(
            month, KIND, 0, each.key, cluster="", pool="", node="", product="cloud engine",
            type=each.engine, location="", begin=month.begin, end=min(each.at, month.end), hours=0,
            quantity=quantity, unit=unit, price=price, net=net, gross=with_tax(net, vat_rate),
        )  # fmt: skip


def at_pace(used: Sequence[Used], before: Sequence[Used], days: Decimal, stretch: "Stretch") -> Decimal:
    """What engines will have cost at the month's end, if all goes on as in the last `days`.

    An engine that has a bound in euros never costs more than is left of it, and from its own reset day
    on never more than the bound again.
    """
    earlier = {(each.engine, each.key): each.microeuros for each in before}
    grown: dict[str, int] = {}
    for each in used:
        growth = each.microeuros - earlier.get((each.engine, each.key), 0)
        grown[each.engine] = grown.get(each.engine, 0) + growth
    paces = ((engine, Decimal(max(growth, 0)) / days) for engine, growth in grown.items())
    later = sum((stretch.of(engine, per_day) for engine, per_day in paces), Decimal(0))
    return sum((each.net for each in used), Decimal(0)) + rounded(later / _MILLION)


@dataclass(frozen=True, slots=True)
class Stretch:
    """From now to the month's end, and what may be spent on it."""

    now: int
    end: int
    allowances: tuple[Allowance, ...]

    def of(self, engine: str, per_day: Decimal) -> Decimal:
        """Millionths of a euro that the engine takes of it at that pace."""
        bound = next((each for each in self.allowances if _is_whole(each, engine)), None)
        if bound is None:
            return per_day * self._days(self.now, self.end)
        reset = self.end if bound.resets_at is None else min(max(bound.resets_at, self.now), self.end)
        first = min(per_day * self._days(self.now, reset), Decimal(bound.left))
        return first + min(per_day * self._days(reset, self.end), Decimal(bound.limit))

    @staticmethod
    def _days(begin: int, end: int) -> Decimal:
        return Decimal(end - begin) / 86_400


def _is_whole(allowance: Allowance, engine: str) -> bool:
    return (allowance.engine, allowance.key, allowance.unit) == (engine, None, "microeuros")


def _quantity(used: Used) -> tuple[Decimal, str]:
    if used.milliseconds:
        return used.heard_minutes, "minutes"
    return (
        (Decimal(used.characters), "characters") if used.characters else (Decimal(used.requests), "requests")
    )


def _usage(document: Any) -> Usage:
    """Any of four built-in errors for what is no such document."""
    at = _seconds(document["time"])
    if document["schema"] != SCHEMA or at is None:
        raise ValueError(f"it does not say {SCHEMA}, and when")
    return Usage(
        month=parse_month(str(document["month"])),
        used=tuple(_used(each, at) for each in document.get("by_key") or ()),
        allowances=tuple(_allowance(each) for each in document.get("budgets") or ()),
    )


def _used(row: Mapping[str, Any], at: int) -> Used:
    amounts = {unit: _count(row.get(unit, 0)) for unit in UNITS}
    return Used(str(row["engine"]), str(row["key"]), at, **amounts)


def _allowance(row: Mapping[str, Any]) -> Allowance:
    key = row.get("key")
    return Allowance(
        name=str(row.get("name") or ""),
        engine=str(row.get("engine") or ""),
        key=None if key is None else str(key),
        unit=str(row["unit"]),
        limit=_count(row["limit"]),
        left=_count(row["left"]),
        resets_at=_seconds(row.get("resets_at")),
        empty_at=_seconds(row.get("empty_at")),
    )


def _count(value: object) -> int:
    """Whole, and never less than nothing: money that was a float once is not exact any more."""
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        raise ValueError(f"{value!r} is no count")
    return value


def _seconds(text: object) -> int | None:
    if text is None:
        return None
    found = seconds_of(str(text))
    if found is None:
        raise ValueError(f"{text!r} is no time")
    return found

"""What a minute of sound costs by engine and by key: clouds at their price, own machines by the minutes."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal

from kvx.cost.report import Report, machines_part
from kvx.cost.usage import LOCAL, Used


@dataclass(frozen=True, slots=True)
class Sound:
    """What was heard and spoken under one name; `used` is one engine with one key each, never none.

    machines  the part of the own machines that it has by its minutes; None where that is not known
    """

    used: Sequence[Used]
    machines: Decimal | None

    @property
    def heard_seconds(self) -> Decimal:
        return Decimal(sum(each.milliseconds for each in self.used)) / 1000

    @property
    def spoken_seconds(self) -> Decimal:
        return Decimal(sum(each.spoken_milliseconds for each in self.used)) / 1000

    @property
    def characters(self) -> int:
        return sum(each.characters for each in self.used)

    @property
    def requests(self) -> int:
        return sum(each.requests for each in self.used)

    @property
    def engines_net(self) -> Decimal:
        """What cloud engines ask for it."""
        return sum((each.net for each in self.used), Decimal(0))

    @property
    def net(self) -> Decimal | None:
        return None if self.machines is None else self.engines_net + self.machines

    @property
    def per_minute(self) -> Decimal | None:
        """None without any sound, or where its cost is not known."""
        minutes = sum((each.minutes for each in self.used), Decimal(0))
        return self.net / minutes if self.net is not None and minutes else None


def sound_of(report: Report, used: Sequence[Used]) -> Sound:
    """The machines' part is by the minutes of all that was heard and spoken on them this month."""
    here, whole = _minutes_here(used), _minutes_here(report.used)
    if not here:
        return Sound(used, Decimal(0))
    part = machines_part(report)
    return Sound(used, None if part is None else part * here / whole)


def sound_by_engine(report: Report) -> dict[str, Sound]:
    """All keys together."""
    return dict(_groups(report, lambda each: each.engine))


def sound_by_key(report: Report) -> dict[str, Sound]:
    """All engines together."""
    return dict(_groups(report, lambda each: each.key))


def _minutes_here(used: Iterable[Used]) -> Decimal:
    return sum((each.minutes for each in used if each.engine == LOCAL), Decimal(0))


def _groups(report: Report, name: Callable[[Used], str]) -> Iterator[tuple[str, Sound]]:
    for each in sorted({name(each) for each in report.used}):
        yield each, sound_of(report, [used for used in report.used if name(used) == each])

"""What a month has cost until now, and what of it stands out: put together from histories, without asking."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from kvx.cost.audio import Audio
from kvx.cost.bill import Bill, bill, total
from kvx.cost.history import History
from kvx.cost.orphans import Orphan, orphans
from kvx.cost.prices import Prices
from kvx.cost.sharing import Shares
from kvx.cost.sighting import rate_of
from kvx.cost.times import DAY_SECONDS, Month, day_of
from kvx.cost.usage import KIND, Allowance, Used, charges, until

OLD_PRICES_DAYS = 30


@dataclass(frozen=True, slots=True)
class Kept:
    """A resource that costs otherwise than the list says now; amounts net, a month."""

    history: History
    paid: Decimal
    listed: Decimal

    @property
    def difference(self) -> Decimal:
        """What it saves; below nothing where the list is cheaper by now."""
        return self.listed - self.paid


@dataclass(frozen=True, slots=True)
class Basis:
    """What a report rests on: `until` ends it, `stale` says why that is not now."""

    histories: tuple[History, ...]
    prices: Prices
    month: Month
    until: int
    now: int
    looked_at: int | None = None
    budget: Decimal | None = None
    stale: str = ""
    deploys: tuple[tuple[str, int], ...] = ()
    """Name and beginning of each deploy in the month, oldest first."""
    used: tuple[Used, ...] = ()
    """What engines were used for in the month, as it was told, oldest first."""
    allowances: tuple[Allowance, ...] = ()


@dataclass(frozen=True, slots=True)
class Report:
    """Everything that `kvx cost report` tells; amounts net unless they say otherwise."""

    basis: Basis
    bill: Bill
    committed: Bill
    days: tuple[tuple[str, Decimal | None], ...]
    deploys: tuple[tuple[str, Decimal | None], ...]
    kept: tuple[Kept, ...]
    orphans: tuple[Orphan, ...]
    hourly: Decimal | None
    monthly: Decimal | None
    shares: Shares | None = None
    audio: Audio | None = None

    @property
    def machines(self) -> Bill:
        """What Hetzner asks for, without the cloud engines."""
        return Bill(tuple(charge for charge in self.bill.charges if charge.kind != KIND))

    @property
    def used(self) -> tuple[Used, ...]:
        """Engines, each with each key."""
        return until(self.basis.used, self.basis.until)

    @property
    def price_age_days(self) -> int:
        """Days since the list was given by Hetzner."""
        return (date.fromisoformat(day_of(self.basis.now)) - date.fromisoformat(self.basis.prices.date)).days

    @property
    def missing(self) -> tuple[str, ...]:
        return self.committed.missing or self.bill.missing

    @property
    def yesterday(self) -> Decimal | None:
        """The last whole day; None where there is none in this month, or a price is missing."""
        return self._whole_days[-1][1] if self._whole_days else None

    @property
    def usual_day(self) -> Decimal | None:
        """The median of up to seven days before yesterday; None with fewer than three."""
        before = [net for _, net in self._whole_days[-8:-1] if net is not None]
        return sorted(before)[len(before) // 2] if len(before) >= 3 else None

    @property
    def _whole_days(self) -> tuple[tuple[str, Decimal | None], ...]:
        return self.days[: (self.basis.until - self.basis.month.begin) // DAY_SECONDS]


def report(basis: Basis, shares: Shares | None = None, audio: Audio | None = None) -> Report:
    """The report of a month up to `basis.until`."""
    prices, month = basis.prices, basis.month
    alive = [each for each in basis.histories if each.end is None]
    return Report(
        basis=basis,
        bill=_whole(basis, basis.until, prices.vat_rate),
        committed=_whole(basis, month.end, prices.vat_rate),
        days=tuple(_days(basis)),
        deploys=tuple(_deploys(basis)),
        kept=tuple(_kept(alive, prices)),
        orphans=orphans(basis.histories, basis.now),
        hourly=total(each.hourly for each in alive),
        monthly=total(each.monthly for each in alive),
        shares=shares,
        audio=audio,
    )


def voices_part(report: Report, namespace: str = "kvx") -> Decimal | None:
    """Of the month's bill what the voice API has a part in: its pods' share of the nodes, and all engines."""
    ratio, machines, whole = _ratio_of_pods(report, namespace), report.machines.net, report.bill.net
    if ratio is None or machines is None or whole is None:
        return None
    return machines * ratio + whole - machines


def machines_part(report: Report, namespace: str = "kvx") -> Decimal | None:
    """Of the machines what the voice API's pods take, where a cluster says that, else all they cost."""
    ratio, machines = _ratio_of_pods(report, namespace), report.machines.net
    return machines if ratio is None or machines is None else machines * ratio


def _ratio_of_pods(report: Report, namespace: str) -> Decimal | None:
    if report.shares is None or not report.shares.monthly:
        return None
    part = report.shares.by(lambda each: each.namespace).get(namespace)
    return None if part is None else part / report.shares.monthly


def _whole(basis: Basis, second: int, vat_rate: Decimal | None) -> Bill:
    """Machines and cloud engines up to a second."""
    machines = bill(basis.histories, basis.month, second, vat_rate).charges
    engines = charges(until(basis.used, second), basis.month, basis.prices.currency, vat_rate)
    return Bill((*machines, *engines))


def _days(basis: Basis) -> Iterator[tuple[str, Decimal | None]]:
    """Each day until now, with what the bill grew on it: nothing more once the month's prices are reached."""
    marks = range(basis.month.begin, min(basis.until, basis.month.end), DAY_SECONDS)
    yield from _grown(basis, [(day_of(mark), mark) for mark in marks])


def _deploys(basis: Basis) -> Iterator[tuple[str, Decimal | None]]:
    """From each deploy to the next, and before the first."""
    within = [each for each in basis.deploys if basis.month.begin < each[1] < basis.until]
    if basis.deploys:
        yield from _grown(basis, [("before", basis.month.begin), *within])


def _grown(basis: Basis, marks: Sequence[tuple[str, int]]) -> Iterator[tuple[str, Decimal | None]]:
    before: Decimal | None = Decimal(0)
    ends = [*(begin for _, begin in marks[1:]), basis.until]
    for (name, _), end in zip(marks, ends, strict=True):
        after = _whole(basis, end, None).net
        yield name, None if after is None or before is None else after - before
        before = after


def _kept(alive: Sequence[History], prices: Prices) -> Iterator[Kept]:
    for history in alive:
        terms = history.now
        listed = rate_of(history.kind, terms.type, terms.location, prices).monthly
        if terms.rate.monthly is None or listed is None or listed.net == terms.rate.monthly.net:
            continue
        paid = history.monthly
        if paid is not None and terms.rate.monthly.net:
            yield Kept(history, paid, paid * listed.net / terms.rate.monthly.net)

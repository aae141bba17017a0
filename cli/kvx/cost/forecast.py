"""What the month will have cost at its end: as it stands, and at the pace of the last days."""

from dataclasses import dataclass
from decimal import Decimal

from kvx.cost.bill import bill
from kvx.cost.report import Report
from kvx.cost.times import DAY_SECONDS
from kvx.cost.usage import Stretch, at_pace, until

_DAYS = 7


@dataclass(frozen=True, slots=True)
class Forecast:
    """Net. `committed`: nothing is made or deleted any more; `by_pace`: it goes on as in the last days."""

    committed: Decimal | None
    by_pace: Decimal | None
    days_of_pace: int

    @property
    def least(self) -> Decimal | None:
        return None if self.committed is None or self.by_pace is None else min(self.committed, self.by_pace)

    @property
    def most(self) -> Decimal | None:
        return None if self.committed is None or self.by_pace is None else max(self.committed, self.by_pace)


def forecast(report: Report) -> Forecast:
    """From at most seven days in which something stood; on the first there is no pace but what stands."""
    basis, month = report.basis, report.basis.month
    first = min((each.begin for each in basis.histories), default=basis.until)
    days = min(_DAYS, (basis.until - max(first, month.begin)) // DAY_SECONDS)
    if days == 0:
        return Forecast(report.committed.net, report.committed.net, 0)
    before, now = (
        bill(basis.histories, month, basis.until - days * DAY_SECONDS, None).net,
        report.machines.net,
    )
    if report.bill.net is None or now is None or before is None:
        return Forecast(report.committed.net, None, days)
    left = Decimal(month.end - basis.until) / (days * DAY_SECONDS)
    return Forecast(report.committed.net, now + (now - before) * left + _engines(report, days), days)


def _engines(report: Report, days: int) -> Decimal:
    """Cloud engines; where nobody told of them that long ago, the pace is that of the month until now."""
    basis = report.basis
    before = until(basis.used, basis.until - days * DAY_SECONDS)
    length = Decimal(days) if before else Decimal(basis.until - basis.month.begin) / DAY_SECONDS
    stretch = Stretch(basis.until, basis.month.end, basis.allowances)
    return at_pace(report.used, before, length, stretch)


@dataclass(frozen=True, slots=True)
class BreakEven:
    """Minutes a month from which the own machines are cheaper than an engine at so much a minute."""

    monthly: Decimal
    per_minute: Decimal
    share: Decimal

    @property
    def minutes(self) -> Decimal:
        """When the machines stand for the sound alone, or `share` of them does."""
        return self.monthly * self.share / self.per_minute

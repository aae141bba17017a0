"""Whether a report is well, in words and as an exit code: unknown and stale come before over budget."""

from dataclasses import dataclass
from decimal import Decimal

from kvx.cost.estimate import in_cents
from kvx.cost.history import PASSED
from kvx.cost.report import OLD_PRICES_DAYS, Report
from kvx.cost.times import text_of
from kvx.errors import ExitCode


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is not well; `code` DONE where it is only worth telling."""

    words: str
    fix: str
    code: ExitCode = ExitCode.DONE


def findings(report: Report) -> tuple[Finding, ...]:
    """The gravest first."""
    found = [*_unsure(report), *_over(report), *_wasted(report)]
    return tuple(found)


def exit_code(report: Report) -> ExitCode:
    """4: stale, or a price is missing; 3: over the budget, or it will be; 0: well."""
    codes = [finding.code for finding in findings(report) if finding.code is not ExitCode.DONE]
    return codes[0] if codes else ExitCode.DONE


def one_line(report: Report) -> str:
    """What cron mails when all is well."""
    budget = f" of {report.basis.budget}" if report.basis.budget is not None else ""
    return (
        f"kvx cost {report.basis.month}: {shown(report.bill.net)}{budget} {report.basis.prices.currency} net "
        f"so far, {shown(report.committed.net)} by the month's end as it stands"
    )


def shown(amount: Decimal | None) -> str:
    """In cents, or that it is not known."""
    return "unknown" if amount is None else f"{in_cents(amount)}"


def _unsure(report: Report) -> list[Finding]:
    found = []
    if report.basis.stale:
        fix = "run the same command again; this is the last good report"
        found.append(Finding(report.basis.stale, fix, ExitCode.INCOMPLETE))
    found += _passed(report)
    if report.missing and not found:
        words = f"no price is known for {', '.join(report.missing)}, so the whole is not either"
        fix = f"ask Hetzner's list: it is of {report.basis.prices.date}; kvx cost report --by resource"
        found.append(Finding(words, fix, ExitCode.INCOMPLETE))
    if report.basis.prices.source == "snapshot" or report.price_age_days > OLD_PRICES_DAYS:
        words = f"the price list is of {report.basis.prices.date}, {report.price_age_days} days old"
        found.append(Finding(words, "export HCLOUD_TOKEN=..., and ask Hetzner again: kvx cost report"))
    return found


def _passed(report: Report) -> list[Finding]:
    """What came and went between two looks, until somebody says what it was."""
    basis = report.basis
    return [
        Finding(
            f"{each.kind.replace('_', ' ')} {each.id} was made and deleted between two looks, at "
            f"{text_of(each.begin)}: nobody knows what it was, so the whole is not known either",
            f"kvx cost ordered {each.kind} {each.id} --type TYPE@LOCATION, and look every hour: --cron",
            ExitCode.INCOMPLETE,
        )
        for each in basis.histories
        if each.status == PASSED and each.now.rate.monthly is None and (each.end or 0) > basis.month.begin
    ]


def _over(report: Report) -> list[Finding]:
    budget, until_now, whole = report.basis.budget, report.bill.net, report.committed.net
    if budget is None or until_now is None or whole is None:
        return []
    fix = "kvx cost advise, or raise cost.monthly_budget in kvx.toml"
    currency = report.basis.prices.currency
    if until_now > budget:
        words = f"over the budget: {shown(until_now)} of {shown(budget)} {currency} are spent"
        return [Finding(words, fix, ExitCode.MISSING)]
    if whole > budget:
        words = f"it will be over the budget: {shown(whole)} of {shown(budget)} {currency} by the month's end"
        return [Finding(words, fix, ExitCode.MISSING)]
    return []


def _wasted(report: Report) -> list[Finding]:
    found = [
        Finding(
            f"{each.history.kind.replace('_', ' ')} {each.history.name} {each.reason}: "
            f"{shown(each.monthly)} a month",
            each.command,
        )
        for each in report.orphans
    ]
    day, usual = report.yesterday, report.usual_day
    if day is not None and usual is not None and day > 2 * usual:
        words = f"yesterday cost {shown(day)}, more than twice the usual {shown(usual)}"
        found.append(Finding(words, "kvx cost report --by resource"))
    return found

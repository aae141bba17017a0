"""A report for people: one screen, amounts in columns, then what stands out."""

from collections.abc import Callable, Iterable, Iterator
from decimal import Decimal
from typing import TYPE_CHECKING

from kvx.cost.audio import of_a_minute
from kvx.cost.minutes import Sound, sound_by_engine, sound_by_key
from kvx.cost.report import Report, voices_part
from kvx.cost.times import text_of
from kvx.cost.usage import KIND
from kvx.cost.verdict import findings, shown

if TYPE_CHECKING:
    from kvx.cost.bill import Bill, Charge
    from kvx.cost.sharing import Share

WIDTH, AMOUNT = 80, 12
NOBODYS = "outside any cluster"
MACHINES = "the machines, whoever is heard"

OF_THE_BILL: dict[str, "Callable[[Charge], str]"] = {
    "cluster": lambda charge: charge.product if charge.kind == KIND else charge.cluster or NOBODYS,
    "pool": lambda charge: (
        charge.words if charge.kind == KIND else f"{charge.cluster or NOBODYS}  {charge.pool or '-'}"
    ),
    "product": lambda charge: charge.words,
    "location": lambda charge: charge.location or "anywhere",
    "node": lambda charge: charge.node or "-",
    "resource": lambda charge: f"{charge.kind.replace('_', ' ')} {charge.name}: {charge.words}",
    "engine": lambda charge: charge.type if charge.kind == KIND else MACHINES,
    "key": lambda charge: charge.name if charge.kind == KIND else MACHINES,
}
OF_THE_SHARES: dict[str, "Callable[[Share], str]"] = {
    "namespace": lambda part: part.namespace,
    "workload": lambda part: f"{part.namespace}  {part.workload}",
    "pod": lambda part: f"{part.namespace}  {part.pod}",
}
BY = (*OF_THE_BILL, *OF_THE_SHARES, "day", "deploy")


def lines_of(report: Report, by: str, *, gross: bool) -> list[str]:
    """What `kvx cost report` prints; findings are told on stderr."""
    return [
        *_head(report, gross=gross),
        *_rows(_parts(report, by, gross=gross)),
        *_sums(report, by, gross=gross),
        *_stand_out(report),
    ]


def talk_of(report: Report) -> Iterator[str]:
    """What is not well, each with its fix."""
    for finding in findings(report):
        yield f"{finding.words}\nfix: {finding.fix}"


def _head(report: Report, *, gross: bool) -> Iterator[str]:
    prices = report.basis.prices
    tax = "with value added tax" if gross else "net"
    source = "Hetzner's list" if prices.source == "hetzner" else "the list that kvx brings"
    yield f"{report.basis.month}, until {_minute(report)} UTC, in {prices.currency}, {tax};"
    yield f"prices at order, of new things by {source} of {prices.date}"


def _minute(report: Report) -> str:
    return text_of(report.basis.until)[:16].replace("T", " ")


def _parts(report: Report, by: str, *, gross: bool) -> list[tuple[str, Decimal | None]]:
    if by in OF_THE_BILL:
        groups = report.bill.by(OF_THE_BILL[by])
        return [(name, _side(each, gross=gross)) for name, each in groups.items()]
    if by in OF_THE_SHARES:
        shares = report.shares
        return list(shares.by(OF_THE_SHARES[by]).items()) if shares is not None else []
    return list(report.days if by == "day" else report.deploys)


def _side(bill: "Bill", *, gross: bool) -> Decimal | None:
    return bill.gross if gross else bill.net


def _rows(parts: Iterable[tuple[str, Decimal | None]]) -> Iterator[str]:
    for name, amount in parts:
        yield _row(name, shown(amount))


def _row(name: str, amount: str) -> str:
    room = WIDTH - AMOUNT - 3
    return f"  {name if len(name) <= room else name[: room - 1] + '…':<{room}} {amount:>{AMOUNT}}"


def _sums(report: Report, by: str, *, gross: bool) -> Iterator[str]:
    yield f"{'-' * 10:>{WIDTH}}"
    if by in OF_THE_SHARES:
        monthly = report.shares.monthly if report.shares is not None else None
        yield _row("the nodes together, a month as it is now", shown(monthly))
        return
    tax = ", with value added tax" if gross else ""
    yield _row(f"this month until now{tax}", shown(_side(report.bill, gross=gross)))
    yield _row(f"by its end, if all stays as it is{tax}", shown(_side(report.committed, gross=gross)))
    yield _row("a whole month of what stands now, net", shown(report.monthly))
    if report.hourly is not None:
        yield _row("an hour of it, net", f"{report.hourly:.4f}")
    if report.basis.budget is not None:
        yield _row("the budget of a month, net", shown(report.basis.budget))


def _stand_out(report: Report) -> Iterator[str]:
    if report.kept:
        yield "Priced at order, not as the list is now (a month, net):"
        for kept in report.kept:
            words = f"{kept.history.name}: {shown(kept.paid)}, listed {shown(kept.listed)}"
            yield _row(words, f"{shown(kept.difference)} saved")
    if report.shares is not None:
        yield _row("idle: no pod asks for it (a month, net)", shown(report.shares.idle))
    yield from _sound(report)
    yield from (_row(*each) for each in bounds_of(report))


def _sound(report: Report) -> Iterator[str]:
    """A minute of sound: of all that is paid, of what the voice API's own pods take, and in the cloud."""
    if report.audio is not None:
        heard, spoken = (each / 60 for each in (report.audio.heard_seconds, report.audio.spoken_seconds))
        words = f"a minute of sound ({heard:.1f} heard, {spoken:.1f} spoken this month), net"
        yield _row(words, _minute_price(of_a_minute(report.bill.net, report.audio)))
        own = voices_part(report)
        if own is not None:
            yield _row("  of what the voice API's pods take", _minute_price(of_a_minute(own, report.audio)))
    elif report.used:
        yield "A minute of sound, net:"
    for of, groups in (("engine", sound_by_engine(report)), ("key", sound_by_key(report))):
        for name, sound in groups.items():
            heard, spoken = (each / 60 for each in (sound.heard_seconds, sound.spoken_seconds))
            words = f"  {of} {name}: {heard:.1f} minutes heard, {spoken:.1f} spoken"
            yield _row(words, _of_sound(sound))


def _of_sound(sound: Sound) -> str:
    """By the minute, or where there was no sound, in all."""
    if sound.per_minute is not None:
        return f"{sound.per_minute:.4f} / min"
    return "unknown" if sound.net is None else f"{sound.net:.4f}"


def _minute_price(net: Decimal | None) -> str:
    return "no sound yet" if net is None else f"{net:.4f}"


def bounds_of(report: Report) -> Iterator[tuple[str, str]]:
    """What is left of an engine's allowance, and until when at today's pace."""
    for each in report.basis.allowances:
        if not each.left and each.limit and each.resets_at is not None:
            until = f": used up, begins anew {text_of(each.resets_at)[:10]}"
        elif each.ends_early and each.empty_at is not None:
            until = f": used up {text_of(each.empty_at)[:16].replace('T', ' ')} UTC at this pace"
        elif each.resets_at is not None:
            until = f": lasts until it begins anew, {text_of(each.resets_at)[:10]}"
        else:
            continue
        yield f"{each.name}{until}", f"{each.left_ratio:.0%} left"

"""A report for programs: kvx/cost/v1, amounts as text, null where one is unknown."""

from collections.abc import Mapping
from decimal import Decimal

from kvx.cost.audio import of_a_minute
from kvx.cost.bill import Bill, Charge
from kvx.cost.minutes import Sound, sound_by_engine, sound_by_key, sound_of
from kvx.cost.report import Report, voices_part
from kvx.cost.times import text_of
from kvx.cost.usage import Allowance, Used
from kvx.cost.verdict import exit_code, findings

SCHEMA = "kvx/cost/v1"


def as_json(report: Report) -> dict[str, object]:
    """Everything that is in the report."""
    basis = report.basis
    return {
        "schema": SCHEMA,
        "month": str(basis.month),
        "until": text_of(basis.until),
        "looked_at": None if basis.looked_at is None else text_of(basis.looked_at),
        "stale": basis.stale or None,
        "currency": basis.prices.currency,
        "vat_rate": _text(basis.prices.vat_rate),
        "prices": {
            "date": basis.prices.date,
            "source": basis.prices.source,
            "age_days": report.price_age_days,
        },
        "net": _text(report.bill.net),
        "gross": _text(report.bill.gross),
        "committed": {"net": _text(report.committed.net), "gross": _text(report.committed.gross)},
        "monthly_net": _text(report.monthly),
        "hourly_net": _text(report.hourly),
        "budget_net": _text(basis.budget),
        "missing": list(report.missing),
        "clusters": _groups(report.bill.by(lambda charge: charge.cluster)),
        "pools": _groups(report.bill.by(lambda charge: charge.pool)),
        "products": _groups(report.bill.by(lambda charge: charge.product)),
        "lines": [charge_as_json(charge) for charge in report.bill.charges],
        "days": [{"day": day, "net": _text(net)} for day, net in report.days],
        "deploys": [{"deploy": name, "net": _text(net)} for name, net in report.deploys],
        "kept_prices": [
            {
                **_named(each.history.kind, each.history.id, each.history.name),
                "priced_on": each.history.now.priced_on,
                "monthly_net": _text(each.paid),
                "listed_net": _text(each.listed),
                "difference": _text(each.difference),
            }
            for each in report.kept
        ],
        "ended_before_the_look": [
            _named(each.kind, each.id, each.name)
            for each in basis.histories
            if each.end is not None and not each.is_end_exact and each.end > basis.month.begin
        ],
        "orphans": [
            {
                **_named(each.history.kind, each.history.id, each.history.name),
                "reason": each.reason,
                "since": text_of(each.since),
                "monthly_net": _text(each.monthly),
                "command": each.command,
            }
            for each in report.orphans
        ],
        "shares": _shares(report),
        "audio": _audio(report),
        "engines": [_used(each, sound_of(report, [each])) for each in report.used],
        "by_engine": {name: _amounts(each) for name, each in sound_by_engine(report).items()},
        "by_key": {name: _amounts(each) for name, each in sound_by_key(report).items()},
        "allowances": [_allowance(each) for each in report.basis.allowances],
        "findings": [
            {"words": each.words, "fix": each.fix, "exit_code": int(each.code)} for each in findings(report)
        ],
        "exit_code": int(exit_code(report)),
    }


def charge_as_json(charge: Charge) -> dict[str, object]:
    """One line."""
    return {
        **_named(charge.kind, charge.id, charge.name),
        "cluster": charge.cluster,
        "pool": charge.pool,
        "node": charge.node,
        "product": charge.product,
        "type": charge.type,
        "location": charge.location,
        "begin": text_of(charge.begin),
        "end": text_of(charge.end),
        "hours": charge.hours,
        "quantity": _text(charge.quantity),
        "unit": charge.unit,
        "price_net": _text(charge.price),
        "net": _text(charge.net),
        "gross": _text(charge.gross),
        "capped": charge.is_capped,
    }


def _named(kind: str, number: int, name: str) -> dict[str, object]:
    return {"kind": kind, "id": number, "name": name}


def _groups(groups: Mapping[str, Bill]) -> list[dict[str, object]]:
    return [
        {"name": name, "net": _text(each.net), "gross": _text(each.gross)} for name, each in groups.items()
    ]


def _shares(report: Report) -> dict[str, object] | None:
    if report.shares is None:
        return None
    parts = [
        {
            "namespace": each.namespace,
            "workload": each.workload,
            "pod": each.pod,
            "node": each.node,
            "monthly_net": _text(each.monthly),
        }
        for each in report.shares.parts
    ]
    monthly, idle = _text(report.shares.monthly), _text(report.shares.idle)
    return {"monthly_net": monthly, "idle_net": idle, "parts": parts}


def _audio(report: Report) -> dict[str, object] | None:
    if report.audio is None:
        return None
    each = of_a_minute(report.bill.net, report.audio)
    own = of_a_minute(voices_part(report), report.audio)
    return {
        "heard_seconds": _text(report.audio.heard_seconds),
        "spoken_seconds": _text(report.audio.spoken_seconds),
        "net_per_minute": None if each is None else f"{each:.4f}",
        "net_per_minute_of_the_voice_api": None if own is None else f"{own:.4f}",
    }


def _used(used: Used, sound: Sound) -> dict[str, object]:
    """What an engine was used for with a key."""
    return {"engine": used.engine, "key": used.key, **_amounts(sound)}


def _amounts(sound: Sound) -> dict[str, object]:
    """`net` is what cloud engines ask for, and `machines_net` the part of the own machines beside it."""
    return {
        "requests": sound.requests,
        "heard_seconds": _text(sound.heard_seconds),
        "spoken_seconds": _text(sound.spoken_seconds),
        "characters": sound.characters,
        "net": _text(sound.engines_net),
        "machines_net": None if sound.machines is None else f"{sound.machines:.4f}",
        "net_per_minute": None if sound.per_minute is None else f"{sound.per_minute:.4f}",
    }


def _allowance(allowance: Allowance) -> dict[str, object]:
    times = {"resets_at": allowance.resets_at, "empty_at": allowance.empty_at}
    return {
        "name": allowance.name,
        "engine": allowance.engine,
        "key": allowance.key,
        "unit": allowance.unit,
        "limit": allowance.limit,
        "left": allowance.left,
        **{name: None if second is None else text_of(second) for name, second in times.items()},
    }


def _text(amount: Decimal | None) -> str | None:
    """Never with an exponent."""
    return None if amount is None else f"{amount:f}"

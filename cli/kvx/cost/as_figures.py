"""A report as figures in Prometheus' text format, for the textfile collector of node-exporter.

No timestamps: the collector refuses them. A figure that is unknown is left out, never zero.
"""

from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal

from kvx.cost.audio import of_a_minute
from kvx.cost.minutes import sound_by_key
from kvx.cost.report import Report

Sample = tuple[dict[str, str], Decimal | int | float | None]


def as_figures(report: Report, version: str, now: int, succeeded_at: int | None, seconds: float) -> str:
    """The whole file; `seconds` is how long the run took."""
    text = "".join(_family(name, words, samples) for name, words, samples in _families(report))
    own: list[tuple[str, str, list[Sample]]] = [
        ("kvx_build_info", "The kvx that wrote this", [({"version": version}, 1)]),
        ("kvx_cost_last_run_timestamp_seconds", "When the costs were last looked at", [({}, now)]),
        ("kvx_cost_last_success_timestamp_seconds", "When Hetzner last answered", [({}, succeeded_at)]),
        ("kvx_cost_run_duration_seconds", "How long the look took", [({}, round(seconds, 3))]),
    ]
    return text + "".join(_family(*each) for each in own)


def _families(report: Report) -> Iterator[tuple[str, str, list[Sample]]]:
    unit = {"EUR": "euros", "USD": "dollars"}.get(report.basis.prices.currency, "units")
    basis = report.basis
    for name, words, bill in (
        ("month_to_date", "Net cost of this month until now, by cluster and pool", report.bill),
        ("month_committed", "Net cost of this month if all stays as it is", report.committed),
    ):
        groups = bill.by(lambda charge: f"{charge.cluster}\n{charge.pool}")
        samples: list[Sample] = [
            (dict(zip(("cluster", "pool"), key.split("\n"), strict=True)), each.net)
            for key, each in groups.items()
        ]
        yield f"kvx_cost_{name}_{unit}", words, samples or [({"cluster": "", "pool": ""}, Decimal(0))]
    yield f"kvx_cost_hourly_{unit}", "Net cost of an hour as it is now", [({}, report.hourly)]
    yield f"kvx_cost_budget_{unit}", "What a month may cost, net", [({}, basis.budget)]
    yield f"kvx_cost_yesterday_{unit}", "Net cost of the last whole day", [({}, report.yesterday)]
    words = "Median of the seven days before yesterday, net"
    yield f"kvx_cost_usual_day_{unit}", words, [({}, report.usual_day)]
    kept = sum((each.difference for each in report.kept), Decimal(0))
    yield f"kvx_cost_kept_prices_{unit}", "What older prices save a month, net", [({}, kept)]
    yield "kvx_cost_unknown_prices", "Things without a known price", [({}, len(report.missing))]
    yield "kvx_cost_month_progress_ratio", "Part of the month that has passed", [({}, _progress(report))]
    listed = int(datetime.fromisoformat(basis.prices.date).replace(tzinfo=UTC).timestamp())
    yield "kvx_cost_price_list_timestamp_seconds", "The day of the price list", [({}, listed)]
    yield from _orphans(report, unit)
    yield from _cluster(report, unit)
    yield from _engines(report)


def _rounded(net: Decimal | None) -> Decimal | None:
    return None if net is None else round(net, 6)


def _progress(report: Report) -> Decimal:
    month = report.basis.month
    return round(Decimal(report.basis.until - month.begin) / (month.end - month.begin), 6)


def _orphans(report: Report, unit: str) -> Iterator[tuple[str, str, list[Sample]]]:
    labels = [
        {"kind": each.history.kind, "id": str(each.history.id), "name": each.history.name}
        for each in report.orphans
    ]
    ages = [report.basis.now - each.since for each in report.orphans]
    words = "For how long something is billed and used by nobody"
    yield "kvx_cost_orphan_age_seconds", words, list(zip(labels, ages, strict=True))
    prices = [each.monthly for each in report.orphans]
    words = "What a month of it costs, net"
    yield f"kvx_cost_orphan_monthly_{unit}", words, list(zip(labels, prices, strict=True))


def _cluster(report: Report, unit: str) -> Iterator[tuple[str, str, list[Sample]]]:
    if report.shares is not None:
        groups = report.shares.by(lambda part: part.namespace)
        samples: list[Sample] = [({"namespace": name}, net) for name, net in groups.items()]
        yield f"kvx_cost_namespace_monthly_{unit}", "Net cost of a namespace a month, as it is now", samples
        whole, idle = report.shares.monthly, report.shares.idle
        ratio = None if whole is None or idle is None or not whole else round(idle / whole, 6)
        yield "kvx_cost_idle_ratio", "Part of the nodes' price that no pod asks for", [({}, ratio)]
    keys = [(name, each.machines) for name, each in sound_by_key(report).items()]
    words = "Part of the own machines this month that a key has by its minutes, net"
    yield f"kvx_cost_key_machines_{unit}", words, [({"key": key}, _rounded(net)) for key, net in keys]
    if report.audio is not None:
        each = of_a_minute(report.bill.net, report.audio)
        words = "Net cost of this month by the minute of sound heard or spoken"
        yield f"kvx_cost_audio_minute_{unit}", words, [({}, None if each is None else round(each, 6))]


def _engines(report: Report) -> Iterator[tuple[str, str, list[Sample]]]:
    """Always in euros: so the voice API counts. Of bounds, those that hold for all keys together."""
    labels = [{"engine": each.engine, "key": each.key} for each in report.used]
    families: tuple[tuple[str, str, list[Decimal | int | float | None]], ...] = (
        (
            "kvx_cost_engine_euros",
            "Net cost of a cloud engine this month until now, by key; local has none of its own",
            [each.net for each in report.used],
        ),
        (
            "kvx_cost_engine_heard_seconds",
            "Sound an engine heard this month, by key",
            [each.milliseconds / 1000 for each in report.used],
        ),
        (
            "kvx_cost_engine_spoken_seconds",
            "Sound an engine spoke this month, by key",
            [each.spoken_milliseconds / 1000 for each in report.used],
        ),
        (
            "kvx_cost_engine_characters",
            "Characters a cloud engine spoke this month",
            [each.characters for each in report.used],
        ),
    )
    for name, words, amounts in families:
        yield name, words, list(zip(labels, amounts, strict=True))
    bounds = [each for each in report.basis.allowances if each.key is None and each.resets_at is not None]
    labels = [{"engine": each.engine, "allowance": each.name, "unit": each.unit} for each in bounds]
    left = [round(each.left_ratio, 6) for each in bounds]
    words = "Part of an engine's allowance that is left"
    yield "kvx_cost_allowance_left_ratio", words, list(zip(labels, left, strict=True))
    words = "When an engine's allowance begins anew"
    resets = [each.resets_at for each in bounds]
    yield "kvx_cost_allowance_resets_timestamp_seconds", words, list(zip(labels, resets, strict=True))
    words = "When an engine's allowance is used up at the pace of today, before it begins anew"
    empty = [each.empty_at if each.ends_early else None for each in bounds]
    yield "kvx_cost_allowance_empty_timestamp_seconds", words, list(zip(labels, empty, strict=True))


def _family(name: str, words: str, samples: list[Sample]) -> str:
    known = [(labels, value) for labels, value in samples if value is not None]
    if not known:
        return ""
    lines = [f"# HELP {name} {words}.", f"# TYPE {name} gauge"]
    return (
        "\n".join((*lines, *(f"{name}{_labels(labels)} {_number(value)}" for labels, value in known))) + "\n"
    )


def _labels(labels: dict[str, str]) -> str:
    inside = ",".join(f'{name}="{_escaped(value)}"' for name, value in labels.items())
    return f"{{{inside}}}" if inside else ""


def _escaped(value: str) -> str:
    return value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")


def _number(value: Decimal | float) -> str:
    return f"{value:f}" if isinstance(value, Decimal) else str(value)

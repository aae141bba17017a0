"""Histories as JSON, amounts as text, so that nothing of them is lost."""

from collections.abc import Mapping
from dataclasses import replace
from decimal import Decimal
from typing import Any

from kvx.cost.history import History, Spell, Terms, Traffic
from kvx.cost.prices import Money, Rate
from kvx.cost.times import parse_month

Json = Mapping[str, Any]


def history_to_json(history: History) -> dict[str, object]:
    plain = (
        "kind",
        "id",
        "name",
        "status",
        "unused_since",
        "first_seen",
        "last_seen",
        "is_end_exact",
        "node",
        "server",
    )
    return {
        **{field: getattr(history, field) for field in (*plain, "pool_of", "cluster_of")},
        "labels": dict(history.labels),
        "spells": [
            {"begin": each.begin, "end": each.end, **_terms_to_json(each.terms)} for each in history.spells
        ],
        "traffic": [
            {
                "month": str(each.month),
                "outgoing": each.outgoing,
                "included": each.included,
                "per_tb": _money_to_json(each.per_tb),
            }
            for each in history.traffic
        ],
    }


def history_from_json(document: Json) -> History:
    """Raises KeyError, TypeError or ValueError for a document that is no history."""
    spells = tuple(Spell(each["begin"], each["end"], _terms(each)) for each in document["spells"])
    traffic = tuple(
        Traffic(parse_month(each["month"]), each["outgoing"], each["included"], _money(each["per_tb"]))
        for each in document["traffic"]
    )
    history = History(document["kind"], document["id"], document["name"], document["labels"], spells, traffic)
    return replace(
        history,
        status=document["status"],
        unused_since=document["unused_since"],
        first_seen=document["first_seen"],
        last_seen=document["last_seen"],
        is_end_exact=document["is_end_exact"],
        node=document["node"],
        server=document["server"],
        pool_of=document["pool_of"],
        cluster_of=document["cluster_of"],
    )


def _terms_to_json(terms: Terms) -> dict[str, object]:
    return {
        "type": terms.type,
        "location": terms.location,
        "monthly": _money_to_json(terms.rate.monthly),
        "hourly": _money_to_json(terms.rate.hourly),
        "size_gb": str(terms.size_gb),
        "backups": None if terms.backups is None else str(terms.backups),
        "backups_on": terms.backups_on,
        "priced_on": terms.priced_on,
    }


def _terms(document: Json) -> Terms:
    backups = document["backups"]
    return Terms(
        type=document["type"],
        location=document["location"],
        rate=Rate(_money(document["monthly"]), _money(document["hourly"])),
        size_gb=Decimal(document["size_gb"]),
        backups=None if backups is None else Decimal(backups),
        backups_on=document["backups_on"],
        priced_on=document["priced_on"],
    )


def _money_to_json(money: Money | None) -> list[str] | None:
    return None if money is None else [str(money.net), str(money.gross)]


def _money(amounts: list[str] | None) -> Money | None:
    return None if amounts is None else Money(Decimal(amounts[0]), Decimal(amounts[1]))

"""Anybody's Terraform plan for Hetzner (`terraform show -json`) as what stands and what shall."""

from collections.abc import Iterable, Iterator, Mapping
from decimal import Decimal
from typing import Any

from kvx.cost.change import Change, Row, Slot, Wanted, change
from kvx.cost.history import History, Spell, Terms
from kvx.cost.prices import Prices
from kvx.cost.sighting import rate_of
from kvx.errors import ExitCode, KvxError

Json = Mapping[str, Any]
KINDS = {
    "hcloud_server": "server",
    "hcloud_load_balancer": "load_balancer",
    "hcloud_volume": "volume",
    "hcloud_primary_ip": "primary_ip",
    "hcloud_floating_ip": "floating_ip",
    "hcloud_snapshot": "image",
}
_TYPES = {"server": "server_type", "load_balancer": "load_balancer_type"}


def priced_plan(plan: Json, histories: Iterable[History], prices: Prices) -> Change:
    """Each billed resource of the plan; what the ledger knows keeps the price it was ordered at.

    What only the apply will tell (an address in no location yet) has no price. Raises a KvxError with
    exit code 2 for JSON that is no plan.
    """
    known = {each.key: each for each in histories}
    changes = plan.get("resource_changes") if isinstance(plan, Mapping) else None
    if not isinstance(changes, list):
        message = "that is no plan of Terraform in JSON"
        raise KvxError(message, "terraform show -json PLAN > plan.json", ExitCode.USAGE)
    present: dict[Slot, History] = {}
    wanted: dict[Slot, Wanted] = {}
    unknown: list[Row] = []
    for each in changes:
        kind = KINDS.get(str(each.get("type")))
        if kind is None or each.get("mode") == "data":
            continue
        slot = (kind, str(each.get("address")))
        present |= _present(slot, each["change"], known, prices)
        wanted |= _wanted(slot, each["change"], prices)
        unknown += _unknown(slot, each["change"], wanted)
    found = change(present, wanted, prices)
    return Change((*found.rows, *unknown), found.currency, found.price_date)


def _present(
    slot: Slot, changed: Json, known: Mapping[tuple[str, int], History], prices: Prices
) -> dict[Slot, History]:
    before = changed.get("before")
    if not isinstance(before, Mapping):
        return {}
    number = str(before.get("id") or "")
    history = known.get((slot[0], int(number))) if number.isdigit() else None
    if history is not None and history.end is None:
        return {slot: history}
    shape = _shape(slot[0], before, prices)
    rate = rate_of(shape.kind, shape.type, shape.location, prices)
    terms = Terms(
        shape.type, shape.location, rate, shape.size_gb, prices.backup_percentage, shape.backups is not None
    )
    return {slot: History(slot[0], 0, slot[1], {}, (Spell(0, None, terms),))}


def _wanted(slot: Slot, changed: Json, prices: Prices) -> dict[Slot, Wanted]:
    after = changed.get("after")
    if not isinstance(after, Mapping) or (slot[0] == "image" and not after.get("image_size")):
        return {}
    return {slot: _shape(slot[0], after, prices)}


def _unknown(slot: Slot, changed: Json, wanted: Mapping[Slot, Wanted]) -> Iterator[Row]:
    """A snapshot that is to be made has no size yet."""
    if slot not in wanted and isinstance(changed.get("after"), Mapping):
        yield Row(f"{slot[0]} {slot[1]}: its size is known only later", None, None, is_known=False)


def _shape(kind: str, values: Json, prices: Prices) -> Wanted:
    place = values.get("location") or values.get("home_location") or ""
    older = str(values.get("datacenter") or "").split("-", maxsplit=1)[0]
    size = values.get("size") if kind == "volume" else values.get("image_size")
    backups = prices.backup_percentage if values.get("backups") else None
    return Wanted(
        kind,
        "" if kind in {"volume", "image"} else str(values.get(_TYPES.get(kind, "type")) or ""),
        str(place or older),
        Decimal(str(size or 0)) if kind in {"volume", "image"} else Decimal(0),
        backups,
    )

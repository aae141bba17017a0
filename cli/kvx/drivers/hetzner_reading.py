"""Reads Hetzner's JSON into values: what is missing there is missing here, nothing is made up."""

from collections.abc import Callable, Iterator, Mapping
from decimal import Decimal
from typing import Any

from kvx.cost.history import SIZED
from kvx.cost.prices import Money, Prices, Rate
from kvx.cost.sighting import RESCALES, Event, Seen
from kvx.cost.times import seconds_of
from kvx.machines.catalogue import Resource, ServerType
from kvx.machines.fleet import Place

Json = Mapping[str, Any]
_FREE = Decimal(0)


def server_type(entry: Json) -> ServerType:
    """Where a location does not say whether it is available, it may be tried."""
    return ServerType(
        name=str(entry["name"]),
        architecture=str(entry.get("architecture", "")),
        cores=int(entry.get("cores") or 0),
        memory_gb=float(entry.get("memory") or 0),
        disk_gb=int(entry.get("disk") or 0),
        locations={
            str(each["name"]): each.get("available") is not False for each in entry.get("locations") or ()
        },
    )


def resource(kind: str, entry: Json, prices: Prices) -> Resource:
    """One entry of a list of the API; `kind` as in Resource."""
    return Resource(
        kind=kind,
        id=int(entry["id"]),
        name=str(entry.get("name") or entry.get("description") or ""),
        labels=dict(entry.get("labels") or {}),
        created=str(entry.get("created") or ""),
        status=str(entry.get("status") or ""),
        type=_type(entry),
        location=_location(entry),
        architecture=str((entry.get("server_type") or {}).get("architecture") or ""),
        size_gb=int(entry.get("primary_disk_size") or entry.get("size") or 0),
        monthly_net=_MONTHLY[kind](entry, prices) if kind in _MONTHLY else _FREE,
        protected=bool((entry.get("protection") or {}).get("delete")),
        attached_to=frozenset(_attached(kind, entry)),
        ranges=tuple(str(each.get("ip_range")) for each in entry.get("subnets") or ()),
        routes=tuple(str(each.get("destination")) for each in entry.get("routes") or ()),
        selectors=tuple(_selectors(entry)),
        ports=tuple(int(each["listen_port"]) for each in entry.get("services") or ()),
    )


def _type(entry: Json) -> str:
    named = entry.get("server_type") or entry.get("load_balancer_type") or {}
    return str(named.get("name") or entry.get("type") or "") if isinstance(named, Mapping) else ""


def _location(entry: Json) -> str:
    """Servers had it under `datacenter` until 2026-07-01."""
    older = (entry.get("datacenter") or {}).get("location")
    place = entry.get("location") or entry.get("home_location") or older or {}
    return str(place.get("name") or "") if isinstance(place, Mapping) else str(place)


def _attached(kind: str, entry: Json) -> Iterator[tuple[str, int]]:
    yield from (("network", int(each["network"])) for each in entry.get("private_net") or ())
    match kind:
        case "server":
            yield from _attached_to_server(entry)
        case "load_balancer":
            targets = [each.get("server") or {} for each in entry.get("targets") or ()]
            yield from (("server", int(each["id"])) for each in targets if each.get("id"))
        case "volume" | "floating_ip" if entry.get("server"):
            yield "server", int(entry["server"])
        case "primary_ip" if entry.get("assignee_id"):
            yield "server", int(entry["assignee_id"])
        case "network" | "placement_group":
            yield from (("server", int(each)) for each in entry.get("servers") or ())
        case "firewall":
            applied = [each.get("server") or {} for each in entry.get("applied_to") or ()]
            yield from (("server", int(each["id"])) for each in applied if each.get("id"))


def _attached_to_server(server: Json) -> Iterator[tuple[str, int]]:
    addresses = server.get("public_net") or {}
    for version in ("ipv4", "ipv6"):
        identifier = (addresses.get(version) or {}).get("id")
        yield from [("primary_ip", int(identifier))] if identifier else []
    yield from (("volume", int(each)) for each in server.get("volumes") or ())
    group = (server.get("placement_group") or {}).get("id")
    yield from [("placement_group", int(group))] if group else []


def _selectors(entry: Json) -> Iterator[str]:
    """The labels by which a load balancer finds its targets, or a firewall its servers."""
    for each in (*(entry.get("targets") or ()), *(entry.get("applied_to") or ())):
        if each.get("type") == "label_selector":
            yield str((each.get("label_selector") or {}).get("selector") or "")


def _monthly(rate: Rate) -> Decimal | None:
    return rate.monthly.net if rate.monthly else None


def _server_monthly(entry: Json, prices: Prices) -> Decimal | None:
    """Billed whether it runs or not; its backups cost a share of it."""
    net = _monthly(prices.server(Place(_type(entry), _location(entry))))
    if net is None or not entry.get("backup_window"):
        return net
    return None if prices.backup_percentage is None else net * (1 + prices.backup_percentage / 100)


def _by_size(price: Money | None, size_gb: object) -> Decimal | None:
    return None if price is None or size_gb is None else price.net * Decimal(str(size_gb))


def _balancer_monthly(entry: Json, prices: Prices) -> Decimal | None:
    return _monthly(prices.load_balancer(Place(_type(entry), _location(entry))))


_MONTHLY: Mapping[str, Callable[[Json, Prices], Decimal | None]] = {
    "server": _server_monthly,
    "load_balancer": _balancer_monthly,
    "volume": lambda entry, prices: _by_size(prices.volume_gb_month, entry.get("size")),
    "image": lambda entry, prices: _by_size(prices.image_gb_month, entry.get("image_size")),
    "primary_ip": lambda entry, prices: _monthly(prices.primary_ip(str(entry.get("type")), _location(entry))),
    "floating_ip": lambda entry, prices: _monthly(
        prices.floating_ip(str(entry.get("type")), _location(entry))
    ),
}


def seen(kind: str, entry: Json) -> Seen:
    """One entry of a list, with all that its bill depends on."""
    on_server = next((number for what, number in _attached(kind, entry) if what == "server"), None)
    size = entry.get("image_size") if kind == "image" else entry.get("size")
    return Seen(
        kind=kind,
        id=int(entry["id"]),
        name=str(entry.get("name") or entry.get("description") or ""),
        labels=dict(entry.get("labels") or {}),
        created=seconds_of(str(entry.get("created") or "")),
        type="" if kind in SIZED else _type(entry),
        location=_location(entry),
        size_gb=Decimal(str(size or 0)) if kind in SIZED else _FREE,
        backups_on=bool(entry.get("backup_window")),
        status=str(entry.get("status") or ""),
        server=on_server,
        used=_is_used(kind, entry, on_server),
        outgoing=_whole(entry.get("outgoing_traffic")),
        included=_whole(entry.get("included_traffic")),
    )


def event(action: Json) -> Iterator[tuple[tuple[str, int], Event]]:
    """What an action has done to which resources: a rescale holds when it has ended, the rest at once."""
    command = str(action.get("command", ""))
    time = action.get("finished" if command in RESCALES[:2] else "started")
    at = seconds_of(str(time or ""))
    if at is not None and action.get("status") != "error":
        for each in action.get("resources") or ():
            yield (str(each.get("type")), int(each["id"])), Event(at, command)


def _is_used(kind: str, entry: Json, on_server: int | None) -> bool:
    """A snapshot is kept for its own sake; a server that is off is billed and does nothing."""
    match kind:
        case "server":
            return entry.get("status") != "off"
        case "load_balancer":
            return bool(entry.get("targets"))
        case "image":
            return True
    return on_server is not None


def _whole(value: object) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) else None

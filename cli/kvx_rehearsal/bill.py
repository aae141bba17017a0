"""What is alive, and what it costs a month: net list prices of the snapshot, in Decimal.

Product documentation, "Billing": servers cost while they exist, also when off; backups add a share of that.
"""

from decimal import Decimal

from kvx_rehearsal.store import Document, Store

KINDS = (
    "server",
    "primary_ip",
    "load_balancer",
    "volume",
    "network",
    "firewall",
    "placement_group",
    "ssh_key",
)
CENT = Decimal("0.01")


def alive(store: Store, snapshot: Document) -> Document:
    """Every resource with its price, and the sum; a price is null where the snapshot does not know it."""
    found = [_line(kind, each, snapshot["pricing"]) for kind in KINDS for each in store.all(kind)]
    prices = [Decimal(line["monthly_net"]) for line in found if line["monthly_net"] is not None]
    return {
        "price_date": snapshot["date"],
        "currency": snapshot["pricing"]["currency"],
        "monthly_net": str(sum(prices, Decimal(0)).quantize(CENT)),
        "resources": found,
    }


def _line(kind: str, document: Document, pricing: Document) -> Document:
    price = _price(kind, document, pricing)
    fields = ("id", "name", "labels", "type", "location", "status", "server", "size", "created")
    return {
        "kind": kind,
        **{field: document.get(field) for field in fields},
        "monthly_net": None if price is None else str(price),
    }


def _price(kind: str, document: Document, pricing: Document) -> Decimal | None:
    match kind:
        case "server":
            return _server(document, pricing)
        case "load_balancer":
            return _listed(pricing["load_balancer_types"], "name", document)
        case "primary_ip":
            return _listed(pricing["primary_ips"], "type", document)
        case "volume":
            return Decimal(pricing["volume"]["price_per_gb_month"]["net"]) * int(document["size"])
    return Decimal(0)


def _server(document: Document, pricing: Document) -> Decimal | None:
    price = _listed(pricing["server_types"], "name", document)
    if price is None or document["backup_window"] is None:
        return price
    return price * (1 + Decimal(pricing["server_backup"]["percentage"]) / 100)


def _listed(entries: list[Document], field: str, document: Document) -> Decimal | None:
    for entry in entries:
        for price in entry["prices"]:
            if entry[field] == document["type"] and price["location"] == document["location"]:
                return Decimal(price["price_monthly"]["net"])
    return None

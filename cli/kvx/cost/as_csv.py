"""A report as CSV: its own columns, or those of FOCUS 1.0, the exchange format of the FinOps Foundation."""

import csv
import io
import json
from collections.abc import Iterable, Mapping
from decimal import Decimal

from kvx.cost.as_json import charge_as_json
from kvx.cost.bill import Charge, rounded
from kvx.cost.history import Key
from kvx.cost.report import Report
from kvx.cost.times import text_of
from kvx.cost.usage import KIND

_CATEGORIES = {
    "server": "Compute",
    "backups": "Storage",
    "load balancer": "Networking",
    "volume": "Storage",
    "IPv4": "Networking",
    "IPv6": "Networking",
    "floating IP": "Networking",
    "snapshot": "Storage",
    "traffic": "Networking",
    "cloud engine": "AI and Machine Learning",
}
_PROVIDER = "Hetzner Online GmbH"
_UNITS = {
    "hours": "Hours",
    "GB hours": "GB-Hours",
    "TB": "TiB",
    "minutes": "Minutes",
    "characters": "Characters",
    "requests": "Requests",
}


def as_csv(report: Report) -> str:
    """A row for each line of the bill."""
    rows = [{"month": str(report.basis.month), **charge_as_json(each)} for each in report.bill.charges]
    return _written(rows or [{"month": str(report.basis.month)}])


def as_focus(report: Report) -> str:
    """The mandatory columns of FOCUS 1.0, and tags; https://focus.finops.org/focus-specification/v1-0/."""
    listed = {each.history.key: each.listed / each.paid for each in report.kept if each.paid}
    rows = [_focus(each, report, _listed(each, listed)) for each in report.bill.charges]
    return _written(rows or [dict.fromkeys(FOCUS_COLUMNS, "")])


def _listed(charge: Charge, listed: Mapping[Key, Decimal]) -> Decimal:
    """How many times its price it would be by today's list."""
    return Decimal(1) if charge.product == "traffic" else listed.get((charge.kind, charge.id), Decimal(1))


def _focus(charge: Charge, report: Report, listed: Decimal) -> dict[str, object]:
    month, currency = charge.month, report.basis.prices.currency
    net = "" if charge.net is None else f"{charge.net:f}"
    price = "" if charge.price is None else f"{charge.price:f}"
    provider = charge.type if charge.kind == KIND else _PROVIDER
    service = "Speech" if charge.kind == KIND else f"Hetzner Cloud {charge.product}"
    quantity, unit = f"{charge.quantity:f}", _UNITS[charge.unit]
    values = {
        "BilledCost": net,
        "BillingAccountId": "hetzner" if provider == _PROVIDER else provider,
        "BillingAccountName": "",
        "BillingCurrency": currency,
        "BillingPeriodEnd": text_of(month.end),
        "BillingPeriodStart": text_of(month.begin),
        "ChargeCategory": "Usage",
        "ChargeClass": "",
        "ChargeDescription": f"{charge.words} {charge.name}",
        "ChargeFrequency": "Usage-Based",
        "ChargePeriodEnd": text_of(charge.end),
        "ChargePeriodStart": text_of(charge.begin),
        "ConsumedQuantity": quantity,
        "ConsumedUnit": unit,
        "ContractedCost": net,
        "ContractedUnitPrice": price,
        "EffectiveCost": net,
        "InvoiceIssuerName": provider,
        "ListCost": "" if charge.net is None else f"{rounded(charge.net * listed):f}",
        "ListUnitPrice": "" if charge.price is None else f"{charge.price * listed:f}",
        "PricingCategory": "Standard",
        "PricingQuantity": quantity,
        "PricingUnit": unit,
        "ProviderName": provider,
        "PublisherName": provider,
        "RegionId": charge.location,
        "RegionName": charge.location,
        "ResourceId": f"{charge.kind}/{charge.id or charge.name}",
        "ResourceName": charge.name,
        "ResourceType": charge.kind,
        "ServiceCategory": _CATEGORIES[charge.product],
        "ServiceName": service,
        "SkuId": charge.type or charge.product,
        "SkuPriceId": f"{charge.type or charge.product}@{charge.location}",
        "SubAccountId": charge.cluster,
        "SubAccountName": charge.cluster,
        "Tags": json.dumps({"cluster": charge.cluster, "pool": charge.pool, "node": charge.node}),
    }
    return {name: values[name] for name in FOCUS_COLUMNS}


FOCUS_COLUMNS = (
    *("BilledCost", "BillingAccountId", "BillingAccountName", "BillingCurrency", "BillingPeriodEnd"),
    *("BillingPeriodStart", "ChargeCategory", "ChargeClass", "ChargeDescription", "ChargeFrequency"),
    *("ChargePeriodEnd", "ChargePeriodStart", "ConsumedQuantity", "ConsumedUnit", "ContractedCost"),
    *("ContractedUnitPrice", "EffectiveCost", "InvoiceIssuerName", "ListCost", "ListUnitPrice"),
    *("PricingCategory", "PricingQuantity", "PricingUnit", "ProviderName", "PublisherName", "RegionId"),
    *("RegionName", "ResourceId", "ResourceName", "ResourceType", "ServiceCategory", "ServiceName"),
    *("SkuId", "SkuPriceId", "SubAccountId", "SubAccountName", "Tags"),
)


def _written(rows: Iterable[Mapping[str, object]]) -> str:
    rows = list(rows)
    text = io.StringIO()
    writer = csv.DictWriter(text, list(rows[0]), lineterminator="\n")
    writer.writeheader()
    for row in rows:
        writer.writerow({name: _harmless(value) for name, value in row.items()})
    return text.getvalue()


def _harmless(value: object) -> object:
    """A name at Hetzner is anybody's: a spreadsheet must not take it for a formula."""
    if isinstance(value, str) and value.startswith(("=", "+", "-", "@", "\t", "\r")):
        return f"'{value}"
    return value

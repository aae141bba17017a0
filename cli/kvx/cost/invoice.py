"""Hetzner's statement of usage as CSV, held against our own lines."""

import csv
import io
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation

from kvx.cost.bill import Bill, total
from kvx.cost.times import Month, parse_month
from kvx.errors import ExitCode, KvxError

# The columns of usage.hetzner.com/...?csv, as others' tools read them (autumn 2026).
COLUMNS = ("product", "from", "until", "unit", "external id", "total")
TOLERATED_PERCENT = Decimal(1)
# What a product's name contains, and our word for it; the first that fits.
_PRODUCTS = (
    ("backup", "backups"),
    ("snapshot", "snapshot"),
    ("traffic", "traffic"),
    ("floating", "floating IP"),
    ("ipv4", "IPv4"),
    ("ipv6", "IPv6"),
    ("load balancer", "load balancer"),
    ("volume", "volume"),
    ("server", "server"),
)
_AMOUNT = re.compile(r"-?[\d.,]+")


@dataclass(frozen=True, slots=True)
class Row:
    """One thing on both sides; None where it is only on the other."""

    product: str
    name: str
    ours: Decimal | None
    theirs: Decimal | None

    @property
    def difference(self) -> Decimal:
        """What Hetzner asks for more than we expected."""
        return (self.theirs or Decimal(0)) - (self.ours or Decimal(0))


@dataclass(frozen=True, slots=True)
class Reconciled:
    """All rows of a month; `drift` in percent of the invoice."""

    month: Month
    rows: tuple[Row, ...]

    @property
    def ours(self) -> Decimal:
        return sum((row.ours or Decimal(0) for row in self.rows), Decimal(0))

    @property
    def theirs(self) -> Decimal:
        return sum((row.theirs or Decimal(0) for row in self.rows), Decimal(0))

    @property
    def drift(self) -> Decimal:
        if not self.theirs:
            return Decimal(0) if not self.ours else Decimal(100)
        return (self.theirs - self.ours) * 100 / self.theirs

    @property
    def is_close(self) -> bool:
        return abs(self.drift) <= TOLERATED_PERCENT


@dataclass(frozen=True, slots=True)
class Invoice:
    """The amounts of one month, by product and name."""

    month: Month
    amounts: Mapping[tuple[str, str], Decimal]


def read_invoice(text: str) -> Invoice:
    """Raises a KvxError (exit code 2) that names the line for what cannot be read."""
    reader = csv.DictReader(io.StringIO(text))
    missing = [name for name in COLUMNS if name not in (reader.fieldnames or ())]
    if missing:
        message = f"that is no statement of usage of Hetzner: it has no column {', '.join(missing)}"
        raise KvxError(message, "download the CSV at https://accounts.hetzner.com/invoice", ExitCode.USAGE)
    months: set[Month] = set()
    amounts: dict[tuple[str, str], Decimal] = {}
    for number, line in enumerate(reader, 2):
        months.add(parse_month(str(line["from"])[:7]))
        key = _product(str(line["product"])), str(line["external id"] or line.get("description") or "")
        amounts[key] = amounts.get(key, Decimal(0)) + _amount(str(line["total"]), number)
    if len(months) != 1:
        message = f"it is about {len(months)} months, and one is looked at at a time"
        raise KvxError(message, "give the statement of one invoice", ExitCode.USAGE)
    return Invoice(months.pop(), amounts)


def reconcile(invoice: Invoice, bill: Bill) -> Reconciled:
    """Line by line, the largest difference first."""
    ours = dict(_ours(bill))
    keys: Iterable[tuple[str, str]] = dict.fromkeys((*invoice.amounts, *ours))
    rows = [Row(*key, ours.get(key), invoice.amounts.get(key)) for key in keys]
    return Reconciled(invoice.month, tuple(sorted(rows, key=lambda row: (-abs(row.difference), row.name))))


def _ours(bill: Bill) -> Iterator[tuple[tuple[str, str], Decimal]]:
    for key, part in bill.by(lambda charge: f"{charge.product}\n{charge.name}").items():
        product, _, name = key.partition("\n")
        net = total(charge.net for charge in part.charges)
        if net:
            yield (product, name), net


def _product(text: str) -> str:
    small = text.lower()
    return next((ours for words, ours in _PRODUCTS if words in small), text)


def _amount(text: str, line: int) -> Decimal:
    """`€ 6.3000`, `6,30` or `1.234,56`: the last point or comma begins the decimals."""
    found = _AMOUNT.search(text)
    whole, _, decimals = (found.group() if found else "").replace(",", ".").rpartition(".")
    try:
        return Decimal(f"{whole.replace('.', '')}.{decimals}" if whole else decimals)
    except InvalidOperation:
        message = f"line {line}: {text!r} is no amount"
        fix = "download the CSV again, and do not save it from a spreadsheet"
        raise KvxError(message, fix, ExitCode.USAGE) from None

"""What a change costs a month: what stands keeps its price, what is made or rescaled takes the list's."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal

from kvx.cost.bill import total
from kvx.cost.history import SIZED, History
from kvx.cost.prices import Prices
from kvx.cost.sighting import rate_of
from kvx.errors import ExitCode, KvxError
from kvx.machines.fleet import CLUSTER_LABEL, GATEWAY, NODE_LABEL, Fleet
from kvx.machines.placement import Placement

Slot = tuple[str, str]
"""A kind, and what tells one of it from another: the key of a node, or an address in a plan."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """One thing as it shall be; `backups` in percent."""

    kind: str
    type: str
    location: str
    size_gb: Decimal = Decimal(0)
    backups: Decimal | None = None

    def monthly(self, prices: Prices) -> Decimal | None:
        """Net, by the list; None where the list has none."""
        rate = rate_of(self.kind, self.type, self.location, prices).monthly
        if rate is None:
            return None
        one = rate.net * (self.size_gb if self.kind in SIZED else 1)
        return one if self.backups is None else one * (100 + self.backups) / 100

    def is_as(self, other: History) -> bool:
        """Whether it stands so already, and keeps its price."""
        terms = other.now
        same = (terms.type, terms.location, terms.size_gb) == (self.type, self.location, self.size_gb)
        return same and terms.backups_on == (self.backups is not None)


@dataclass(frozen=True, slots=True)
class Row:
    """One thing before and after, net a month; None before or after where it does not stand then.

    `is_known` is False where one of the two has no price.
    """

    words: str
    before: Decimal | None
    after: Decimal | None
    is_known: bool = True
    lost: Decimal = Decimal(0)
    """What an older price saved, and does no more."""

    @property
    def difference(self) -> Decimal | None:
        return (self.after or Decimal(0)) - (self.before or Decimal(0)) if self.is_known else None


@dataclass(frozen=True, slots=True)
class Change:
    """All rows, those without a difference among them."""

    rows: tuple[Row, ...]
    currency: str
    price_date: str

    @property
    def before(self) -> Decimal | None:
        return self._sum("before")

    @property
    def after(self) -> Decimal | None:
        return self._sum("after")

    @property
    def increase(self) -> Decimal | None:
        return total(row.difference for row in self.rows)

    @property
    def lost(self) -> Decimal:
        """What older prices saved that are given up."""
        return sum((row.lost for row in self.rows), Decimal(0))

    @property
    def missing(self) -> tuple[str, ...]:
        return tuple(row.words for row in self.rows if not row.is_known)

    def _sum(self, side: str) -> Decimal | None:
        if self.missing:
            return None
        return sum((getattr(row, side) or Decimal(0) for row in self.rows), Decimal(0))

    def check(self, max_monthly: Decimal | None, max_increase: Decimal | None) -> None:
        """Raises a KvxError: exit code 3 over a bound, 4 where a bound is set and a price is missing."""
        if max_monthly is None and max_increase is None:
            return
        after, increase = self.after, self.increase
        if after is None or increase is None:
            message = f"what it would cost is not known: there is no price for {', '.join(self.missing)}"
            raise KvxError(message, "choose another type or place", ExitCode.INCOMPLETE)
        if max_monthly is not None and after > max_monthly:
            self._refuse("would cost", after, max_monthly, "--max-monthly")
        if max_increase is not None and increase > max_increase:
            self._refuse("would add", increase, max_increase, "--max-increase")

    def _refuse(self, does: str, amount: Decimal, bound: Decimal, flag: str) -> None:
        message = f"it {does} {amount:.2f} {self.currency} a month, net: more than the {bound} allowed"
        fix = f"want less in kvx.toml, or allow it: {flag} {amount:.2f}"
        raise KvxError(message, fix, ExitCode.MISSING)


def change(present: Mapping[Slot, History], wanted: Mapping[Slot, Wanted], prices: Prices) -> Change:
    """From what stands to what shall, slot by slot."""
    slots = dict.fromkeys((*wanted, *present))
    rows = tuple(_row(slot, present.get(slot), wanted.get(slot), prices) for slot in slots)
    return Change(rows, prices.currency, prices.date)


def wanted_of(fleet: Fleet, placement: Placement) -> Mapping[Slot, Wanted]:
    """What a fleet is made of, where the placement has put it."""
    return dict(_wanted(fleet, placement))


def present_of(histories: Iterable[History], cluster: str) -> Mapping[Slot, History]:
    """What Terraform has made for the cluster, by the same slots; what controllers made is not in a plan."""
    ours = (each for each in histories if each.end is None and each.labels.get(CLUSTER_LABEL) == cluster)
    return {(each.kind, each.labels.get(NODE_LABEL, "")): each for each in ours}


def _wanted(fleet: Fleet, placement: Placement) -> Iterator[tuple[Slot, Wanted]]:
    for node in fleet.nodes:
        place = placement.nodes[node.key].place
        yield ("server", node.key), Wanted("server", place.type, place.location)
        if not fleet.private_only or node.pool.name == GATEWAY:
            yield ("primary_ip", node.key), Wanted("primary_ip", "ipv4", place.location)
        if node.pool.volume_gb:
            size = Decimal(node.pool.volume_gb)
            yield ("volume", node.key), Wanted("volume", "", place.location, size)
    if fleet.load_balancer is not None:
        balancer = fleet.load_balancer
        yield ("load_balancer", ""), Wanted("load_balancer", balancer.type, balancer.location)


def _row(slot: Slot, before: History | None, after: Wanted | None, prices: Prices) -> Row:
    now = None if before is None else before.monthly
    if after is None:
        assert before is not None  # noqa: S101  a slot is of one of the two
        return Row(f"{_words(slot)}: goes", now, None, now is not None)
    if before is None:
        then = after.monthly(prices)
        return Row(f"{_words(slot)}: new, {_place(after)}", None, then, then is not None)
    if after.is_as(before):
        return Row(f"{_words(slot)}: stays, {_place(after)}", now, now, now is not None)
    then = after.monthly(prices)
    words = f"{_words(slot)}: {_of(before)} becomes {_place(after)}"
    return Row(words, now, then, now is not None and then is not None, _lost(before, prices))


def _lost(before: History, prices: Prices) -> Decimal:
    """Its price by today's list, less what it pays: who rescales has ordered anew."""
    terms, paid = before.now, before.monthly
    listed = rate_of(before.kind, terms.type, terms.location, prices).monthly
    if listed is None or paid is None or terms.rate.monthly is None or not terms.rate.monthly.net:
        return Decimal(0)
    return max(paid * listed.net / terms.rate.monthly.net - paid, Decimal(0))


def _words(slot: Slot) -> str:
    kind, key = slot
    return " ".join(filter(None, (kind.replace("_", " "), key)))


def _of(history: History) -> str:
    terms = history.now
    return _place(Wanted(history.kind, terms.type, terms.location, terms.size_gb))


def _place(wanted: Wanted) -> str:
    if wanted.kind in SIZED:
        return f"{wanted.size_gb:f} GB"
    return f"{wanted.type}@{wanted.location}" + (" with backups" if wanted.backups is not None else "")

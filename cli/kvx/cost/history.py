"""What is billed and since when: each resource with the terms it was under, and until when."""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal

from kvx.cost.prices import UNKNOWN, Money, Rate
from kvx.cost.times import Month
from kvx.machines.fleet import CLUSTER_LABEL, NODE_LABEL, POOL_LABEL

# Kinds that Hetzner bills, as in the address of its API without the s.
BILLED = ("server", "load_balancer", "volume", "primary_ip", "floating_ip", "image")
SIZED = ("volume", "image")
"""Billed by the GB; a price of theirs is that of one GB."""

PASSED = "passed"
"""The status of what was made and deleted between two looks."""

Key = tuple[str, int]


@dataclass(frozen=True, slots=True)
class Terms:
    """What a resource is for a while, and the price it was ordered at: of one, or of one GB."""

    type: str
    location: str
    rate: Rate = UNKNOWN
    size_gb: Decimal = Decimal(0)
    backups: Decimal | None = None
    """The percentage that backups add; None without backups."""
    backups_on: bool = False
    priced_on: str = ""
    """The date of the price list that `rate` is from."""


@dataclass(frozen=True, slots=True)
class Spell:
    """Terms from one second to another, which is no more part of it; None: they still hold."""

    begin: int
    end: int | None
    terms: Terms


@dataclass(frozen=True, slots=True)
class Traffic:
    """What went out of a server or load balancer in a month, and what of that is included, in bytes."""

    month: Month
    outgoing: int
    included: int
    per_tb: Money | None


@dataclass(frozen=True, slots=True)
class History:
    """One resource by its id; a name can be had by several, one after the other."""

    kind: str
    id: int
    name: str
    labels: Mapping[str, str]
    spells: tuple[Spell, ...]
    traffic: tuple[Traffic, ...] = ()
    status: str = ""
    unused_since: int | None = None
    """Since which look nothing uses it; None: it is used."""
    first_seen: int = 0
    last_seen: int = 0
    is_end_exact: bool = True
    """Whether its end is known, or only the look at which it was gone."""
    server: int | None = None
    """The id of the server it hung on last."""
    node: str = ""
    """The key of its node, or of the node of the server it hangs on."""
    pool_of: str = ""
    cluster_of: str = ""

    @property
    def key(self) -> Key:
        return self.kind, self.id

    @property
    def begin(self) -> int:
        return self.spells[0].begin

    @property
    def end(self) -> int | None:
        return self.spells[-1].end

    @property
    def now(self) -> Terms:
        return self.spells[-1].terms

    @property
    def monthly(self) -> Decimal | None:
        """Net price of a whole month as it is now, backups with it; None where it is unknown."""
        terms = self.now
        if terms.rate.monthly is None:
            return None
        one = terms.rate.monthly.net * (terms.size_gb if self.kind in SIZED else 1)
        if not terms.backups_on:
            return one
        return None if terms.backups is None else one * (100 + terms.backups) / 100

    @property
    def hourly(self) -> Decimal | None:
        """Net price of an hour until the month's is reached; without one, the share of 720 hours."""
        rate, monthly = self.now.rate, self.monthly
        if monthly is None or rate.monthly is None or rate.hourly is None:
            return None if monthly is None else monthly / 720
        return rate.hourly.net * monthly / rate.monthly.net if monthly else Decimal(0)

    @property
    def cluster(self) -> str:
        return self.labels.get(CLUSTER_LABEL) or self.cluster_of

    @property
    def pool(self) -> str:
        return self.labels.get(POOL_LABEL) or self.pool_of

    @property
    def node_key(self) -> str:
        return self.labels.get(NODE_LABEL) or self.node

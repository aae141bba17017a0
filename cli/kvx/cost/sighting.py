"""What one look at Hetzner adds to what is known: new resources, other terms, and what is gone.

A price is kept as it was first seen, until a rescale: then today's holds (reference: cloudtally.eu,
2026-05-28). What Hetzner's actions tell has their time; what they do not tell has that of the look.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal

from kvx.cost.history import PASSED, History, Key, Spell, Terms, Traffic
from kvx.cost.prices import UNKNOWN, Prices, Rate
from kvx.cost.times import month_of
from kvx.machines.fleet import CLUSTER_LABEL, NODE_LABEL, POOL_LABEL, Place

RESCALES = ("change_server_type", "change_type", "resize_volume")
CREATIONS = ("create_server", "create_load_balancer", "create_volume")
DELETIONS = ("delete_server", "delete_load_balancer", "delete_volume")


@dataclass(frozen=True, slots=True)
class Seen:
    """One resource as Hetzner shows it now; `created` in seconds, traffic in bytes of this month."""

    kind: str
    id: int
    name: str
    labels: Mapping[str, str]
    created: int | None
    type: str
    location: str
    size_gb: Decimal = Decimal(0)
    backups_on: bool = False
    status: str = ""
    server: int | None = None
    """The id of the server it hangs on."""
    used: bool = True
    outgoing: int | None = None
    included: int | None = None

    @property
    def key(self) -> Key:
        return self.kind, self.id


@dataclass(frozen=True, slots=True)
class Event:
    """Something that was done to a resource, by Hetzner's name for it."""

    at: int
    command: str


Events = Mapping[Key, Sequence[Event]]


@dataclass(frozen=True, slots=True)
class _Look:
    """All that a look brings."""

    at: int
    prices: Prices
    events: Events
    servers: Mapping[int, Seen] = field(default_factory=dict)


def look_again(
    known: Mapping[Key, History],
    seen: Iterable[Seen],
    prices: Prices,
    at: int,
    events: Events,
    *,
    since: int | None = None,
) -> Mapping[Key, History]:
    """Every history as it is after a look at the second `at`; those that ended before stay as they are.

    `since` is the look before: what was made and deleted after it is known by its actions alone, and then
    nobody knows of which type it was. None: there was none, and what is gone is not asked about.
    """
    there = {each.key: each for each in seen}
    servers = {number: each for (kind, number), each in there.items() if kind == "server"}
    look = _Look(at, prices, events, servers)
    histories = dict(known)
    for key, each in there.items():
        before = known.get(key)
        histories[key] = _first(each, look) if before is None else _again(before, each, look)
    for key, history in known.items():
        if key not in there and history.end is None:
            histories[key] = _gone(history, look)
    if since is not None:
        histories.update(_passed(known, there, look, since))
    return histories


def rate_of(kind: str, type_name: str, location: str, prices: Prices) -> Rate:
    """What one of it, or a GB of it, costs by the list."""
    place = Place(type_name, location)
    known = {
        "server": prices.server(place),
        "load_balancer": prices.load_balancer(place),
        "primary_ip": prices.primary_ip(type_name, location),
        "floating_ip": prices.floating_ip(type_name, location),
        "volume": Rate(prices.volume_gb_month),
        "image": Rate(prices.image_gb_month),
    }
    return known.get(kind, UNKNOWN)


def _first(seen: Seen, look: _Look) -> History:
    created = look.at if seen.created is None else min(seen.created, look.at)
    fresh = _listed(seen, look.prices)
    history = History(
        seen.kind, seen.id, seen.name, seen.labels, (Spell(created, None, fresh),), first_seen=look.at
    )
    return _described(history, seen, look)


def _again(history: History, seen: Seen, look: _Look) -> History:
    """An end that was noted is taken back: a list was not whole then."""
    spells = list(history.spells)
    spells[-1] = replace(spells[-1], end=None, terms=_completed(spells[-1].terms, seen, look.prices))
    for at, terms in _changes(history, spells[-1].terms, seen, look):
        last = spells[-1]
        begin = max(at, last.begin)
        spells[-1:] = [replace(last, end=begin)] if begin > last.begin else []
        spells.append(Spell(begin, None, terms))
    return _described(replace(history, spells=tuple(spells), is_end_exact=True), seen, look)


def _changes(history: History, before: Terms, seen: Seen, look: _Look) -> Iterator[tuple[int, Terms]]:
    """Other terms, and since when; the last of them are those that are seen."""
    terms = before
    events = sorted(look.events.get(seen.key, ()), key=lambda event: event.at)
    for event in (each for each in events if history.last_seen < each.at <= look.at):
        after = _after(event, terms, seen, look.prices)
        if after != terms:
            yield event.at, after
            terms = after
    if _differs(terms, seen):
        yield look.at, _seen_terms(terms, seen, look.prices)


def _after(event: Event, terms: Terms, seen: Seen, prices: Prices) -> Terms:
    if event.command in RESCALES:
        return replace(_seen_terms(terms, seen, prices), backups_on=terms.backups_on)
    if event.command in {"enable_backup", "disable_backup"}:
        return replace(terms, backups_on=event.command == "enable_backup")
    return terms


def _seen_terms(terms: Terms, seen: Seen, prices: Prices) -> Terms:
    """A rescale takes today's price; size and backups alone keep the one it has."""
    if (terms.type, terms.location) != (seen.type, seen.location):
        return _listed(seen, prices)
    return replace(terms, size_gb=seen.size_gb, backups_on=seen.backups_on)


def _differs(terms: Terms, seen: Seen) -> bool:
    now = (seen.type, seen.location, seen.size_gb, seen.backups_on)
    return (terms.type, terms.location, terms.size_gb, terms.backups_on) != now


def _listed(seen: Seen, prices: Prices) -> Terms:
    return Terms(
        type=seen.type,
        location=seen.location,
        rate=rate_of(seen.kind, seen.type, seen.location, prices),
        size_gb=seen.size_gb,
        backups=prices.backup_percentage,
        backups_on=seen.backups_on,
        priced_on=prices.date,
    )


def _completed(terms: Terms, seen: Seen, prices: Prices) -> Terms:
    """A price that was unknown is taken when the list has it."""
    rate = rate_of(seen.kind, terms.type, terms.location, prices)
    if terms.rate.monthly is None and rate.monthly is not None:
        terms = replace(terms, rate=rate, priced_on=prices.date)
    return terms if terms.backups is not None else replace(terms, backups=prices.backup_percentage)


def _gone(history: History, look: _Look) -> History:
    told = list(_deletions(history.key, look))
    if not told and history.kind == "primary_ip" and history.server:  # it goes with its server
        told = list(_deletions(("server", history.server), look))
    end = min(max(told, default=look.at), look.at)
    last = history.spells[-1]
    spells = (*history.spells[:-1], replace(last, end=max(end, last.begin)))
    return replace(history, spells=spells, is_end_exact=bool(told), status="deleted")


def _passed(
    known: Mapping[Key, History], there: Mapping[Key, Seen], look: _Look, since: int
) -> Iterator[tuple[Key, History]]:
    """What came and went between two looks."""
    for key, events in look.events.items():
        made = min((event.at for event in events if event.command in CREATIONS), default=None)
        gone = max(_deletions(key, look), default=None)
        if key not in known and key not in there and made is not None and gone is not None and gone > since:
            spell = Spell(made, max(gone, made), Terms("", ""))
            named = History(*key, str(key[1]), {}, (spell,), status=PASSED)
            yield key, replace(named, first_seen=look.at, last_seen=look.at)


def _deletions(key: Key, look: _Look) -> Iterator[int]:
    return (event.at for event in look.events.get(key, ()) if event.command in DELETIONS)


def _described(history: History, seen: Seen, look: _Look) -> History:
    """Names, labels and traffic are those of now; what hangs on a server belongs where the server does."""
    holder = look.servers.get(seen.server or 0)
    labels = holder.labels if holder is not None else {}
    return replace(
        history,
        name=seen.name,
        labels=seen.labels,
        status=seen.status,
        server=seen.server,
        unused_since=None if seen.used else history.unused_since or look.at,
        last_seen=max(look.at, history.last_seen),
        traffic=_traffic(history.traffic, seen, look),
        node=labels.get(NODE_LABEL, "") or history.node,
        pool_of=labels.get(POOL_LABEL, "") or history.pool_of,
        cluster_of=labels.get(CLUSTER_LABEL, "") or history.cluster_of,
    )


def _traffic(known: tuple[Traffic, ...], seen: Seen, look: _Look) -> tuple[Traffic, ...]:
    if seen.outgoing is None or seen.included is None:
        return known
    month = month_of(look.at)
    per_tb = look.prices.traffic(seen.kind, Place(seen.type, seen.location))
    others = tuple(each for each in known if each.month != month)
    return (*others, Traffic(month, seen.outgoing, seen.included, per_tb))

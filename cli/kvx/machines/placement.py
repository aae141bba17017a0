"""Decides where each node stands: once, in the order of the fallbacks; what lives keeps its place."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from kvx.errors import ExitCode, KvxError
from kvx.machines.catalogue import ARM, Catalogue, Live, Resource
from kvx.machines.fleet import Fleet, Node, Place, Pool
from kvx.machines.offers import check_places, places_of, why_not

# Kubernetes and images call architectures otherwise than Hetzner does.
PLATFORMS = {"arm": "arm64", "x86": "amd64"}


@dataclass(frozen=True, slots=True)
class Placed:
    """A place with the architecture (arm or x86) that Hetzner has there under that type."""

    place: Place
    architecture: str


@dataclass(frozen=True, slots=True)
class Placement:
    """Where each node stands, by its key, and what a person should know about it."""

    nodes: Mapping[str, Placed]
    notes: tuple[str, ...] = ()

    @property
    def architectures(self) -> tuple[str, ...]:
        """The platforms that images are built for."""
        return tuple(sorted({PLATFORMS[each.architecture] for each in self.nodes.values()}))

    def to_json(self) -> dict[str, object]:
        """The parts `nodes` and `notes` of placement.json."""
        nodes = {
            key: {
                "type": each.place.type,
                "location": each.place.location,
                "architecture": PLATFORMS[each.architecture],
            }
            for key, each in self.nodes.items()
        }
        return {"nodes": nodes, "notes": list(self.notes)}

    @classmethod
    def from_json(cls, document: Mapping[str, object]) -> "Placement":
        """Raises a KvxError when the document is no placement."""
        hetzners = {name: own for own, name in PLATFORMS.items()}
        try:
            nodes = {
                str(key): Placed(Place(each["type"], each["location"]), hetzners[each["architecture"]])
                for key, each in document["nodes"].items()  # type: ignore[attr-defined]
            }
            notes = tuple(str(note) for note in document["notes"])  # type: ignore[attr-defined]
        except (KeyError, TypeError, AttributeError):
            message = "placement.json does not say where the machines stand"
            raise KvxError(message, "kvx terraform --target hetzner decides anew") from None
        return cls(nodes, notes)


@dataclass(frozen=True, slots=True)
class _Table:
    """All that a decision rests on."""

    fleet: Fleet
    catalogue: Catalogue
    live: Live
    refused: frozenset[Place]


def decide(
    fleet: Fleet, catalogue: Catalogue, live: Live, refused: frozenset[Place] = frozenset()
) -> Placement:
    """Where each node goes; `refused` are places in which Hetzner has just had none.

    Raises a KvxError: exit code 2 for a place that can never be, 5 where nothing is left now.
    """
    check_places(fleet, catalogue)
    table = _Table(fleet, catalogue, live, refused)
    nodes: dict[str, Placed] = {}
    notes: list[str] = []
    for pool in fleet.all_pools:
        placed = {node.key: _place(node, table) for node in fleet.nodes if node.pool.name == pool.name}
        nodes |= {key: Placed(place, catalogue.architecture_of(place)) for key, place in placed.items()}
        notes += _notes(pool, placed, table)
    return Placement(nodes, (*notes, *_notes_on_architecture(nodes)))


def _place(node: Node, table: _Table) -> Place:
    places = places_of(node.pool, table.fleet, table.catalogue)
    server = table.live.nodes.get(node.key)
    if server is not None and server.place in places:
        return server.place
    order = places if server is None else _nearest_first(places, server, table.catalogue)
    reasons = {place: _why_not(place, node, server, table) for place in order}
    free = next((place for place, reason in reasons.items() if reason is None), None)
    if free is None:
        raise _nothing_left(node, reasons)
    return free


def _nearest_first(places: Iterable[Place], server: Resource, catalogue: Catalogue) -> tuple[Place, ...]:
    """What the server can become where it stands comes first: everything else makes it anew."""

    def is_far(place: Place) -> bool:
        same = catalogue.architecture_of(place) == _architecture(server, catalogue)
        return place.location != server.location or not same

    return tuple(sorted(places, key=is_far))


def _architecture(server: Resource, catalogue: Catalogue) -> str:
    known = catalogue.server_types.get(server.type)
    return known.architecture if known else server.architecture


def _why_not(place: Place, node: Node, server: Resource | None, table: _Table) -> str | None:
    """Why this node cannot go there now; None when it can."""
    if place in table.refused:
        return "Hetzner has just had none there"
    volume = _volume(node, table.live)
    if volume is not None and volume.location != place.location:
        return f"its volume {volume.name} stands in {volume.location} and cannot move"
    if server is not None and _is_rescale(server, place, table.catalogue):
        disk_gb = table.catalogue.server_types[place.type].disk_gb
        if disk_gb < server.size_gb:
            return f"its disk of {server.size_gb} GB does not become the {disk_gb} GB of {place.type}"
    return why_not(place, table.fleet, table.catalogue)


def _volume(node: Node, live: Live) -> Resource | None:
    wanted = node.pool.volume_gb > 0
    return next((each for each in live.our("volume") if wanted and each.node == node.key), None)


def _is_rescale(server: Resource, place: Place, catalogue: Catalogue) -> bool:
    same = _architecture(server, catalogue) == catalogue.architecture_of(place)
    return same and server.location == place.location


def _nothing_left(node: Node, reasons: Mapping[Place, str | None]) -> KvxError:
    tried = "; ".join(f"{place}: {reason}" for place, reason in reasons.items())
    message = f"there is no place for {node.key} now ({tried})"
    fix = "wait for stock: --wait-for-capacity 30m; or name more fallbacks, such as cpx22@nbg1, in kvx.toml"
    return KvxError(message, fix, ExitCode.NO_CAPACITY)


def _notes(pool: Pool, placed: Mapping[str, Place], table: _Table) -> Iterator[str]:
    """Which nodes did not get the wanted place, and which of the living ones change."""
    wanted = pool.places[0]
    for place in dict.fromkeys(placed.values()):
        keys = [key for key, each in placed.items() if each == place]
        new = [key for key in keys if key not in table.live.nodes]
        if place != wanted and new:
            reason = "Hetzner has just had none there" if wanted in table.refused else None
            reason = reason or why_not(wanted, table.fleet, table.catalogue) or "its volume holds it"
            yield f"{', '.join(new)}: {place} instead of {wanted} ({reason})"
        if place != wanted and len(keys) > len(new):
            kept = [key for key in keys if key in table.live.nodes and table.live.nodes[key].place == place]
            yield from (f"{', '.join(kept)}: stays at {place}, where it lives",) if kept else ()
    for key, place in placed.items():
        server = table.live.nodes.get(key)
        if server is not None and server.place != place:
            yield _note_on_change(server, place, table.catalogue)


def _note_on_change(server: Resource, place: Place, catalogue: Catalogue) -> str:
    anew = "is rescaled" if _is_rescale(server, place, catalogue) else "is made anew, its disk is lost"
    price = "it is billed at today's price from then on, an older one is given up"
    return f"{server.name}: {server.place} becomes {place}: it {anew}; {price}"


def _notes_on_architecture(nodes: Mapping[str, Placed]) -> Iterator[str]:
    others = [key for key, each in nodes.items() if each.architecture != ARM]
    if others:
        names = ", ".join(others)
        yield f"{names}: x86, so images and manifests have to hold amd64 too"

"""Says of a place whether Hetzner sells there, and which places a pool may take at all."""

import difflib

from kvx.errors import ExitCode, KvxError
from kvx.machines.catalogue import Catalogue
from kvx.machines.fleet import Fleet, Place, Pool


def places_of(pool: Pool, fleet: Fleet, catalogue: Catalogue) -> tuple[Place, ...]:
    """The places in the order they are tried; without named fallbacks, the type's other locations."""
    if len(pool.places) > 1 or not pool.elsewhere:
        return pool.places
    wanted = pool.places[0]
    sold = catalogue.server_types[wanted.type].locations
    near = [name for name, zone in catalogue.locations.items() if zone == fleet.network_zone and name in sold]
    return (wanted, *(Place(wanted.type, name) for name in near if name != wanted.location))


def check_places(fleet: Fleet, catalogue: Catalogue) -> None:
    """Raises a KvxError (exit code 2) for a place that can never be, a fallback or not."""
    for pool in fleet.all_pools:
        for place in pool.places:
            _check_type(place, pool, catalogue)
            _check_location(place, f"of the pool {pool.name} ", fleet, catalogue)
    if fleet.load_balancer is not None:
        _check_location(fleet.load_balancer, "for the load balancer ", fleet, catalogue)


def why_not(place: Place, fleet: Fleet, catalogue: Catalogue) -> str | None:
    """Why nothing can be made there now; None when it can, as far as the catalogue says."""
    kind = catalogue.server_types[place.type]
    if place.location not in kind.locations:
        return f"{place.type} is not sold there"
    if not kind.locations[place.location]:
        return "out of stock"
    if catalogue.images is not None and (fleet.image, kind.architecture) not in catalogue.images:
        return f"there is no image {fleet.image} for {kind.architecture}"
    return None


def _check_type(place: Place, pool: Pool, catalogue: Catalogue) -> None:
    if place.type not in catalogue.server_types:
        near = difflib.get_close_matches(place.type, catalogue.server_types, 3) or list(
            catalogue.server_types
        )
        message = f"{place} of the pool {pool.name}: Hetzner has no server type {place.type}"
        raise KvxError(message, f"write another one in kvx.toml, such as {', '.join(near)}", ExitCode.USAGE)


def _check_location(place: Place, whose: str, fleet: Fleet, catalogue: Catalogue) -> None:
    zone = catalogue.locations.get(place.location)
    near = ", ".join(name for name, each in catalogue.locations.items() if each == fleet.network_zone)
    if zone is None:
        message = f"{place} {whose}is nowhere: Hetzner has no location {place.location}"
        raise KvxError(message, f"write one of {near} in kvx.toml", ExitCode.USAGE)
    if zone != fleet.network_zone:
        message = (
            f"{place} {whose}is in {zone}, and the network in {fleet.network_zone}; it cannot reach there"
        )
        raise KvxError(message, f"choose a location of the same zone: {near}", ExitCode.USAGE)

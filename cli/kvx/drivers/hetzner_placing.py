"""Looks before the first write whether the machines can be had, and writes down where they go."""

from collections import Counter
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path

from kvx.cost.estimate import Estimate, estimate, in_cents
from kvx.cost.prices import Prices, snapshot, snapshot_document
from kvx.drivers import cost_gate
from kvx.drivers import hetzner_checks as checks
from kvx.drivers import hetzner_reading as reading
from kvx.drivers.hetzner import Hetzner
from kvx.drivers.hetzner_checks import Check
from kvx.drivers.hetzner_decision import digest_of, read_decision, write_decision
from kvx.drivers.waiting import wait_until
from kvx.errors import ExitCode, KvxError
from kvx.machines.catalogue import Catalogue, Live
from kvx.machines.fleet import Account, Fleet, Place
from kvx.machines.placement import Placement, decide
from kvx.steps.machines import Limits, PlaceMachines
from kvx.world import Outcome, World

POLL_SECONDS = 30.0
# A decision this young is kept as it is; an older one is looked at again: prices, stock and tokens change.
FRESH_SECONDS = 600.0


@dataclass(frozen=True, slots=True)
class PreFlight:
    """What looking came to; without `placement` there is no place for some node."""

    checks: tuple[Check, ...]
    placement: Placement | None
    estimate: Estimate | None
    live: Live
    source: str
    prices: Prices | None = None
    catalogue: Catalogue | None = None

    @property
    def refusal(self) -> KvxError | None:
        """What stops a deploy, the first of it."""
        return next((each.error for each in self.checks if each.state == "missing"), None)

    @property
    def has_no_room(self) -> bool:
        """Whether stock is all that is missing, so that waiting may help."""
        missing = [each for each in self.checks if each.state == "missing"]
        return bool(missing) and all(
            each.name == "places" and each.exit_code is ExitCode.NO_CAPACITY for each in missing
        )


@dataclass(frozen=True, slots=True)
class _Known:
    """What could be learnt, and how it went."""

    checks: tuple[Check, ...]
    catalogue: Catalogue
    prices: Prices
    live: Live
    budget_left: int | None = None


def look(
    account: Account,
    fleet: Fleet,
    limits: Limits,
    world: World,
    refused: frozenset[Place] = frozenset(),
    *,
    folder: Path | None = None,
) -> PreFlight:
    """Everything a deploy depends on, without writing; what is wrong is in the checks, nothing is raised.

    Where Hetzner cannot be asked, the catalogue that kvx brings answers, and says its age. Raises only
    when asked to stop. `folder` holds the ledger of what things were ordered at, where there is one.
    """
    known = _known(account, fleet, world)
    found = list(known.checks)
    placement = price = None
    try:
        placement = decide(fleet, known.catalogue, known.live, refused)
    except KvxError as error:
        found.append(checks.check_of("places", error))
    if placement is not None:
        price = estimate(fleet, placement, known.prices)
        found += _on_placement(placement, price, limits, seen=known.prices.source == "hetzner")
        if limits.max_increase is not None:
            changed = cost_gate.change_of(fleet, placement, known.live, known.prices, folder)
            found.append(checks.increase_check(changed, limits.max_increase, known.prices.source))
    if known.prices.source == "hetzner":
        found += _on_project(fleet, known, placement)
    source = known.prices.source
    return PreFlight(tuple(found), placement, price, known.live, source, known.prices, known.catalogue)


def known_catalogue(account: Account, fleet: Fleet, world: World) -> Catalogue:
    """What Hetzner sells; where it cannot be asked, what kvx knows."""
    return _known(account, fleet, world).catalogue


def is_done(step: PlaceMachines, world: World) -> bool:
    """Whether the same was decided a moment ago, so that a run that goes on keeps it."""
    try:
        decision = read_decision(step.folder)
    except KvxError:
        return False
    if decision is None or decision.digest != digest_of(step.account, step.fleet, step.limits):
        return False
    return 0 <= world.now() - decision.decided < FRESH_SECONDS


def perform(step: PlaceMachines, world: World) -> Outcome:
    """Look, wait for stock where that is wanted, and write placement.json."""
    found = _look_until_there_is_room(step, world)
    if found.refusal is not None:
        raise found.refusal
    if found.placement is None or found.estimate is None:
        raise AssertionError("a look without a missing check has a placement and an estimate")
    changed = _placed_before(step) != found.placement.nodes
    keep(step.folder, digest_of(step.account, step.fleet, step.limits), found, world)
    return Outcome(changed, _lines(found.placement, found.estimate), _data(found.placement, found.estimate))


def keep(folder: Path, digest: str, found: PreFlight, world: World) -> None:
    """Write placement.json, `digest` by digest_of; also for a deploy that had to go elsewhere half-way."""
    if found.placement is not None and found.estimate is not None:
        write_decision(folder, digest, world.now(), found.placement, found.estimate)


def _look_until_there_is_room(step: PlaceMachines, world: World) -> PreFlight:
    begin, bound = world.monotonic(), step.limits.wait_for_capacity_seconds
    found = look(step.account, step.fleet, step.limits, world, folder=step.folder)
    while found.has_no_room and world.monotonic() - begin + POLL_SECONDS <= bound:
        passed, refusal = world.monotonic() - begin, found.refusal
        world.progress(f"{refusal}; looking again in {POLL_SECONDS:g} s ({passed:.0f} of {bound:g} s)")
        wait_until(lambda: False, POLL_SECONDS, world)
        found = look(step.account, step.fleet, step.limits, world, folder=step.folder)
    return found


def _known(account: Account, fleet: Fleet, world: World) -> _Known:
    """From Hetzner where it answers, else from the snapshot, with the reason."""
    try:
        hetzner = Hetzner(account, world)
    except KvxError as error:
        return _from_snapshot(fleet, world, checks.check_of("token", error))
    token = checks.token_check(hetzner)
    if token.name != "token":
        return _from_snapshot(fleet, world, token)
    try:
        catalogue, prices, live = hetzner.catalogue(), hetzner.prices(), hetzner.live(fleet.cluster)
    except KvxError as error:
        checks.check_may_go_on(error)
        known = (token,) if token.state == "missing" else (token, checks.check_of("hetzner", error))
        return _from_snapshot(fleet, world, *known)
    return _Known((token,), catalogue, prices, live, hetzner.budget_left)


def _from_snapshot(fleet: Fleet, world: World, *found: Check) -> _Known:
    """What kvx brings says nothing about stock, images and names."""
    document, prices = snapshot_document(), snapshot()
    types = [reading.server_type(each) for each in document["server_types"]]
    places = {str(each["name"]): str(each["network_zone"]) for each in document["locations"]}
    age = datetime.fromtimestamp(world.now(), UTC).date() - date.fromisoformat(prices.date)
    words = (
        f"prices and types of {prices.date}, {age.days} days old, come with kvx; stock, images and names "
        "are not looked at"
    )
    catalogue = Catalogue({each.name: each for each in types}, places)
    return _Known((*found, Check("catalogue", "note", words)), catalogue, prices, Live(fleet.cluster))


def _on_placement(placement: Placement, price: Estimate, limits: Limits, *, seen: bool) -> tuple[Check, ...]:
    counted = Counter(placed.place for placed in placement.nodes.values())
    where = ", ".join(f"{count} x {place}" for place, count in counted.items())
    places = Check(
        "places", "ok", f"{'there is room for' if seen else 'wanted, and not looked for:'} {where}"
    )
    return (places, checks.price_check(price, limits.max_monthly))


def _on_project(fleet: Fleet, known: _Known, placement: Placement | None) -> tuple[Check, ...]:
    first = (
        checks.image_check(fleet, placement) if placement is not None else None,
        checks.balancer_check(fleet, known.prices),
    )
    return (
        *(check for check in first if check is not None),
        checks.names_check(fleet, known.live),
        checks.limits_check(fleet, known.live),
        checks.quota_check(fleet, known.live),
        checks.rate_check(fleet, known.live, known.budget_left),
    )


def _placed_before(step: PlaceMachines) -> object:
    try:
        decision = read_decision(step.folder)
    except KvxError:
        return None
    return decision.placement.nodes if decision else None


def _lines(placement: Placement, price: Estimate) -> tuple[str, ...]:
    total = price.monthly_net
    words = "unknown" if total is None else f"{in_cents(total)} {price.currency} a month, net"
    nodes = (f"{key}: {placed.place}" for key, placed in placement.nodes.items())
    return (*nodes, *placement.notes, f"price: {words} (list prices of {price.price_date})")


def _data(placement: Placement, price: Estimate) -> dict[str, object]:
    total = price.monthly_net
    monthly_net = None if total is None else str(in_cents(total))
    architectures = list(placement.architectures)
    return {
        **placement.to_json(),
        "architectures": architectures,
        "monthly_net": monthly_net,
        "currency": price.currency,
        "price_date": price.price_date,
    }

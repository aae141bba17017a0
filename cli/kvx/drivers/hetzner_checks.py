"""What pre-flight looks at, each as one finding with its fix; nothing here writes."""

from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from typing import Literal

from kvx.cost.change import Change
from kvx.cost.estimate import Estimate, in_cents
from kvx.cost.prices import Prices
from kvx.drivers.hetzner import Hetzner
from kvx.errors import ExitCode, KvxError
from kvx.machines.adoption import check_strangers
from kvx.machines.catalogue import Live
from kvx.machines.fleet import Fleet
from kvx.machines.names import calls_needed, check_limits, wanted_names
from kvx.machines.placement import PLATFORMS, Placement
from kvx.machines.refusals import CONSOLE


@dataclass(frozen=True, slots=True)
class Check:
    """One thing looked at: `missing` stops a deploy, `note` does not."""

    name: str
    state: Literal["ok", "note", "missing"]
    words: str
    fix: str = ""
    exit_code: ExitCode = ExitCode.DONE

    @property
    def error(self) -> KvxError:
        return KvxError(self.words, self.fix, self.exit_code)


def check_of(name: str, error: KvxError) -> Check:
    return Check(name, "missing", error.message, error.fix, error.exit_code)


def check_may_go_on(error: KvxError) -> None:
    """A wish to stop is no finding."""
    if error.exit_code is ExitCode.INTERRUPTED:
        raise error


def tried(name: str, words: str, look: Callable[[], None]) -> Check:
    """`words` where looking finds nothing wrong."""
    try:
        look()
    except KvxError as error:
        return check_of(name, error)
    return Check(name, "ok", words)


def token_check(hetzner: Hetzner) -> Check:
    """Valid, and allowed to write: asked with a request that nothing can come of."""
    try:
        writes = hetzner.may_write()
    except KvxError as error:
        check_may_go_on(error)
        return check_of("token" if error.exit_code is ExitCode.MISSING else "hetzner", error)
    if writes:
        return Check("token", "ok", "Hetzner knows it, and it may write")
    fix = f"make one that may read and write at {CONSOLE} (Security, API tokens); export HCLOUD_TOKEN=..."
    return Check("token", "missing", "the token may only read", fix, ExitCode.MISSING)


def names_check(fleet: Fleet, live: Live) -> Check:
    count = sum(len(names) for names in wanted_names(fleet).values())
    words = f"{count} names are free or ours"
    return tried("names", words, lambda: check_strangers(live, fleet))


def limits_check(fleet: Fleet, live: Live) -> Check:
    groups = len(wanted_names(fleet)["placement_group"])
    words = f"{len(fleet.nodes)} of 100 servers in the network, {groups} of 50 placement groups"
    return tried("limits", words, lambda: check_limits(fleet, live))


def image_check(fleet: Fleet, placement: Placement) -> Check:
    kinds = sorted({PLATFORMS[each.architecture] for each in placement.nodes.values()})
    return Check("image", "ok", f"{fleet.image} is there for {' and '.join(kinds)}")


def quota_check(fleet: Fleet, live: Live) -> Check:
    """Hetzner's API does not tell the limits of an account (hcloud-go #302)."""
    new = len(fleet.nodes) - sum(node.key in live.nodes for node in fleet.nodes)
    there = len(tuple(live.of("server")))
    words = (
        f"{new} servers more than the {there} in the project are wanted; whether the account may have them, "
        f"Hetzner tells no program: see Limits at {CONSOLE}"
    )
    return Check("quota", "note" if new else "ok", words if new else "no server more is wanted")


def rate_check(fleet: Fleet, live: Live, budget_left: int | None) -> Check:
    """Requests come back at one a second, so too few are a wait and no failure."""
    needed = calls_needed(fleet, live)
    if budget_left is None:
        return Check("requests", "note", f"about {needed} are needed; Hetzner does not say how many are left")
    words = f"about {needed} are needed, {budget_left} are left in this hour"
    if budget_left >= needed:
        return Check("requests", "ok", words)
    fix = f"wait {needed - budget_left} s, and see what else uses the project's tokens"
    return Check("requests", "note", f"{words}: it will go slowly", fix)


def balancer_check(fleet: Fleet, prices: Prices) -> Check | None:
    """Hetzner's list of prices names every type of load balancer, and where it is sold."""
    wanted, sold = fleet.load_balancer, prices.load_balancer_places
    if wanted is None or not sold or wanted in sold:
        return None
    near = ", ".join(str(place) for place in sold if place.location == wanted.location)
    words = f"Hetzner sells no load balancer {wanted}"
    return Check("balancer", "missing", words, f"choose one of {near or 'another location'}", ExitCode.USAGE)


def price_check(price: Estimate, max_monthly: Decimal | None) -> Check:
    """Over the user's own limit is exit code 3; unknown is 4 where there is a limit to hold."""
    try:
        total = in_cents(price.checked())
    except KvxError as error:
        if max_monthly is None:
            return Check("price", "note", error.message, error.fix)
        return check_of("price", error)
    words = f"{total} {price.currency} a month, net, at list prices of {price.price_date}"
    if max_monthly is None or price.checked() <= max_monthly:
        return Check("price", "ok", f"{words}; what lives already may cost less")
    fix = f"kvx deploy --target hetzner --max-monthly {total}, or want less in kvx.toml"
    return Check("price", "missing", f"{words}: more than the {max_monthly} allowed", fix, ExitCode.MISSING)


def increase_check(changed: Change, max_increase: Decimal, source: str) -> Check:
    """What a deploy adds to the price of a month; unknown where Hetzner cannot say what stands."""
    if source != "hetzner":
        words = "what stands is not known, so it is not known either what would be added to its price"
        return Check("increase", "missing", words, "kvx doctor --target hetzner", ExitCode.INCOMPLETE)
    try:
        changed.check(None, max_increase)
    except KvxError as error:
        return check_of("increase", error)
    added = in_cents(changed.increase or Decimal(0))
    words = f"{added} {changed.currency} a month, net, are added; {max_increase} are allowed"
    return Check("increase", "ok", words)

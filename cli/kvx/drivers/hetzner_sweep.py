"""Deletes what belongs to a cluster, in the order that works, and proves that nothing billed is left."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from kvx.cost.estimate import in_cents
from kvx.drivers.hetzner import Hetzner, words
from kvx.drivers.hetzner_calls import RefusalError
from kvx.drivers.waiting import wait_until
from kvx.errors import ExitCode, KvxError
from kvx.machines.belonging import Belonging, belonging
from kvx.machines.catalogue import Live, Resource
from kvx.machines.fleet import CONTROL_PLANE, POOL_LABEL, Account
from kvx.machines.refusals import CONSOLE
from kvx.world import World

SWEEP_SECONDS = 600.0
_ROUND_SECONDS = 3.0
# What hangs on others goes before them.
ORDER = (
    "load_balancer",
    "server",
    "volume",
    "floating_ip",
    "primary_ip",
    "image",
    "firewall",
    "placement_group",
    "network",
    "ssh_key",
)


@dataclass(frozen=True, slots=True)
class Swept:
    """What went, and what was left alone because nothing shows that it is ours."""

    removed: tuple[Resource, ...]
    in_doubt: tuple[Resource, ...]
    strangers: tuple[Resource, ...]


def leftovers(account: Account, cluster: str, world: World) -> tuple[Resource, ...]:
    """Everything a cleanup would delete, in its order, each with its list price a month."""
    return in_order(found(account, cluster, world).all_ours)


def found(account: Account, cluster: str, world: World) -> Belonging:
    """What belongs to the cluster, what is in doubt, and what is only called alike."""
    return belonging(Hetzner(account, world).live(cluster))


def in_order(resources: Iterable[Resource]) -> tuple[Resource, ...]:
    return tuple(sorted(resources, key=lambda each: (ORDER.index(each.kind), each.name, each.id)))


def check_protection(resources: Sequence[Resource], *, lift_protection: bool) -> None:
    """Raises a KvxError (exit code 3) that names what is protected, unless it may be lifted."""
    protected = [words(each) for each in resources if each.protected]
    if protected and not lift_protection:
        fix = "kvx cleanup --target hetzner, and type the name of the cluster; or --yes-destroy NAME"
        raise KvxError(f"protected against deletion: {', '.join(protected)}", fix, ExitCode.MISSING)


def check_the_way(belongs: Belonging) -> None:
    """Raises a KvxError (exit code 3) that names what is not ours and holds our network."""
    if belongs.in_the_way:
        names = ", ".join(f"{words(each)} (id {each.id})" for each in belongs.in_the_way)
        message = f"in our network, and not ours, so that the network cannot go: {names}"
        raise KvxError(message, f"take it out of the network at {CONSOLE}, or delete it", ExitCode.MISSING)


def remove_controllers_things(
    account: Account, cluster: str, world: World, *, lift_protection: bool = False
) -> tuple[Resource, ...]:
    """Delete what Terraform does not know: balancers, volumes and servers the cluster made for itself.

    All of it is labelled as ours first, so that an interrupted run finds it again when the server that
    showed whose it is has gone. The control planes are switched off, else they make everything anew.
    """
    hetzner = Hetzner(account, world)
    live = hetzner.live(cluster)
    belongs = belonging(live)
    made = belongs.made_by_controllers
    check_the_way(belongs)
    check_protection((*made, *live.ours), lift_protection=lift_protection)
    if not made:
        return ()
    _switch_off_controllers(hetzner, live, world)
    for each in made:
        hetzner.claim(each, cluster)
    _delete_all(hetzner, lambda: _again(hetzner, cluster, made), world)
    return made


def sweep(account: Account, cluster: str, world: World, *, lift_protection: bool = False) -> Swept:
    """Delete all that is left and ours, then look again; raises a KvxError when something billed stays."""
    hetzner = Hetzner(account, world)
    first = belonging(hetzner.live(cluster))
    check_the_way(first)
    check_protection(first.all_ours, lift_protection=lift_protection)
    _delete_all(hetzner, lambda: belonging(hetzner.live(cluster)).all_ours, world)
    return Swept(in_order(first.all_ours), first.in_doubt, first.strangers)


def monthly(resource: Resource) -> str:
    """Its list price, in words."""
    if resource.monthly_net is None:
        return "price unknown"
    return f"{in_cents(resource.monthly_net)} EUR/month" if resource.monthly_net else "free"


def _switch_off_controllers(hetzner: Hetzner, live: Live, world: World) -> None:
    for server in live.our("server"):
        if server.labels.get(POOL_LABEL) == CONTROL_PLANE and server.status not in {"off", "deleting"}:
            world.progress(f"switching off {server.name}, so that the cluster makes nothing anew")
            hetzner.power_off(server)


def _again(hetzner: Hetzner, cluster: str, made: Sequence[Resource]) -> tuple[Resource, ...]:
    """What is still there of it, as it is now."""
    wanted = {(each.kind, each.id) for each in made}
    resources = hetzner.live(cluster).resources
    return tuple(each for each in resources if (each.kind, each.id) in wanted)


def _delete_all(hetzner: Hetzner, left: Callable[[], Sequence[Resource]], world: World) -> None:
    """Rounds of deleting until a look finds nothing; what cannot go yet is tried again in the next."""
    end = world.monotonic() + SWEEP_SECONDS
    remaining = left()
    while remaining:
        refusals = [error for each in in_order(remaining) if (error := _delete(hetzner, each, world))]
        remaining = left()
        if remaining and world.monotonic() >= end:
            raise _stays(remaining, refusals)
        if remaining:
            wait_until(lambda: False, _ROUND_SECONDS, world)


def _delete(hetzner: Hetzner, resource: Resource, world: World) -> RefusalError | None:
    """None when it is gone; what can only be later is told, what never can raises."""
    world.progress(f"deleting {words(resource)} ({monthly(resource)})")
    try:
        if resource.protected:
            hetzner.lift_protection(resource)
        hetzner.delete(resource)
    except RefusalError as error:
        if not error.refusal.may_be_repeated:
            raise
        return error
    return None


def _stays(remaining: Sequence[Resource], refusals: Sequence[RefusalError]) -> KvxError:
    names = ", ".join(f"{words(each)} (id {each.id}, {monthly(each)})" for each in remaining)
    reason = f"; the first refusal: {refusals[0].message}" if refusals else ""
    message = f"still there after {SWEEP_SECONDS:g} s: {names}{reason}"
    return KvxError(message, "run kvx cleanup again; it goes on from here", ExitCode.INCOMPLETE)

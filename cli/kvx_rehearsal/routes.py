"""Which call is answered by what. Paths: public documentation; the calls hcloud-go makes."""

from collections.abc import Callable
from functools import partial

from kvx_rehearsal import actions
from kvx_rehearsal.call import Answer, Call, Responder
from kvx_rehearsal.lists import listing
from kvx_rehearsal.refusals import Refusal, not_found
from kvx_rehearsal.resources import (
    balancing,
    firewalls,
    load_balancers,
    network_parts,
    networks,
    placement_groups,
    primary_ips,
    protection,
    server_changes,
    server_create,
    server_networks,
    server_power,
    servers,
    services,
    ssh_keys,
    volumes,
)
from kvx_rehearsal.store import Document


def _offered(plural: str, found: Callable[[Call], list[Document]]) -> dict[str, Responder]:
    """List and single entry of something that cannot be changed."""

    def several(call: Call) -> Answer:
        return listing(call, plural, found(call))

    def one(call: Call) -> Answer:
        for entry in found(call):
            if entry["id"] == call.ids[0]:
                return Answer({plural.removesuffix("s"): entry})
        raise not_found(plural.removesuffix("s"), call.ids[0])

    return {f"GET /{plural}": several, f"GET /{plural}/#": one}


def _pricing(call: Call) -> Answer:
    return Answer({"pricing": call.catalogue.pricing()})


def _removed(_: Call) -> Answer:
    """Data centers answer 410 since 2026-10-01 (changelog of 2026-06-02)."""
    announcement = "https://docs.hetzner.cloud/changelog#2026-06-02-datacenters-deprecated"
    message = "the data centers API was removed, use locations"
    raise Refusal("deprecated_api_endpoint", message, {"announcement": announcement})


def _of_each_kind() -> dict[str, Responder]:
    """The calls that every kind has: list, one, create, change, delete, and its actions."""
    kinds: dict[str, tuple[str, tuple[Responder, ...]]] = {
        "server": ("servers", _five(servers, server_create.create)),
        "network": ("networks", _five(networks, networks.create)),
        "firewall": ("firewalls", _five(firewalls, firewalls.create)),
        "load_balancer": ("load_balancers", _five(load_balancers, load_balancers.create)),
        "volume": ("volumes", _five(volumes, volumes.create)),
        "primary_ip": ("primary_ips", _five(primary_ips, primary_ips.create)),
        "placement_group": ("placement_groups", _five(placement_groups, placement_groups.create)),
        "ssh_key": ("ssh_keys", _five(ssh_keys, ssh_keys.create)),
    }
    table: dict[str, Responder] = {}
    for kind, (plural, (several, one, create, update, delete)) in kinds.items():
        table |= {f"GET /{plural}": several, f"POST /{plural}": create, f"GET /{plural}/#": one}
        table |= {f"PUT /{plural}/#": update, f"DELETE /{plural}/#": delete}
        table |= {f"GET /{plural}/#/actions": partial(actions.of_kind, kind)}
        table |= {f"GET /{plural}/actions": partial(actions.of_kind, kind)}
        table |= {f"GET /{plural}/#/actions/#": actions.one, f"GET /{plural}/actions/#": actions.one}
    return table


def _five(module: object, create: Responder) -> tuple[Responder, ...]:
    several, one, update, delete = (getattr(module, name) for name in ("several", "one", "update", "delete"))
    return several, one, create, update, delete


ACTIONS: dict[str, Responder] = {
    "servers/#/actions/poweron": server_power.power_on,
    "servers/#/actions/poweroff": server_power.power_off,
    "servers/#/actions/shutdown": server_power.shut_down,
    "servers/#/actions/reboot": server_power.reboot,
    "servers/#/actions/reset": server_power.reset,
    "servers/#/actions/rebuild": server_power.rebuild,
    "servers/#/actions/change_type": server_changes.change_type,
    "servers/#/actions/enable_backup": server_changes.enable_backup,
    "servers/#/actions/disable_backup": server_changes.disable_backup,
    "servers/#/actions/add_to_placement_group": server_changes.add_to_placement_group,
    "servers/#/actions/remove_from_placement_group": server_changes.remove_from_placement_group,
    "servers/#/actions/attach_to_network": server_networks.attach,
    "servers/#/actions/detach_from_network": server_networks.detach,
    "servers/#/actions/change_alias_ips": server_networks.change_alias_ips,
    "servers/#/actions/change_protection": partial(protection.change, "server"),
    "networks/#/actions/add_subnet": network_parts.add_subnet,
    "networks/#/actions/delete_subnet": network_parts.delete_subnet,
    "networks/#/actions/add_route": network_parts.add_route,
    "networks/#/actions/delete_route": network_parts.delete_route,
    "networks/#/actions/change_ip_range": networks.change_ip_range,
    "networks/#/actions/change_protection": partial(protection.change, "network"),
    "firewalls/#/actions/set_rules": firewalls.set_rules,
    "firewalls/#/actions/apply_to_resources": firewalls.apply_to_resources,
    "firewalls/#/actions/remove_from_resources": firewalls.remove_from_resources,
    "load_balancers/#/actions/add_service": services.add,
    "load_balancers/#/actions/update_service": services.update,
    "load_balancers/#/actions/delete_service": services.delete,
    "load_balancers/#/actions/add_target": balancing.add,
    "load_balancers/#/actions/remove_target": balancing.remove,
    "load_balancers/#/actions/attach_to_network": load_balancers.attach_to_network,
    "load_balancers/#/actions/detach_from_network": load_balancers.detach_from_network,
    "load_balancers/#/actions/enable_public_interface": load_balancers.enable_public_interface,
    "load_balancers/#/actions/disable_public_interface": load_balancers.disable_public_interface,
    "load_balancers/#/actions/change_algorithm": load_balancers.change_algorithm,
    "load_balancers/#/actions/change_type": load_balancers.change_type,
    "load_balancers/#/actions/change_protection": partial(protection.change, "load_balancer"),
    "volumes/#/actions/attach": volumes.attach,
    "volumes/#/actions/detach": volumes.detach,
    "volumes/#/actions/resize": volumes.resize,
    "volumes/#/actions/change_protection": partial(protection.change, "volume"),
    "primary_ips/#/actions/assign": primary_ips.assign,
    "primary_ips/#/actions/unassign": primary_ips.unassign,
    "primary_ips/#/actions/change_protection": partial(protection.change, "primary_ip"),
}
# A sweep looks for these too; the simulation has none.
NEVER_ANY = ("floating_ips", "certificates", "isos")

TABLE: dict[str, Responder] = {
    **_of_each_kind(),
    **{f"POST /{path}": responder for path, responder in ACTIONS.items()},
    **_offered("locations", lambda call: call.catalogue.locations()),
    **_offered("images", lambda call: call.catalogue.images()),
    **_offered("server_types", lambda call: call.catalogue.server_types()),
    **_offered("load_balancer_types", lambda call: call.catalogue.load_balancer_types()),
    **{key: value for plural in NEVER_ANY for key, value in _offered(plural, lambda _: []).items()},
    "GET /actions": actions.several,
    "GET /actions/#": actions.one,
    "GET /pricing": _pricing,
    "GET /datacenters": _removed,
    "GET /datacenters/#": _removed,
}


def responder_for(method: str, path: str) -> tuple[Responder, tuple[int, ...]]:
    """What answers, and the numbers in the path; not_found for a path the API does not have."""
    parts = path.strip("/").split("/")
    key = f"{method} /{'/'.join('#' if part.isdigit() else part for part in parts)}"
    if key not in TABLE:
        raise Refusal("not_found", "the requested page was not found")
    return TABLE[key], tuple(int(part) for part in parts if part.isdigit())

"""What Terraform is to import: everything of ours that its state does not know, and nothing else."""

from collections.abc import Iterator
from dataclasses import replace

import pytest

from kvx.errors import KvxError
from kvx.machines.adoption import adoptions
from kvx.machines.catalogue import Live, Resource
from kvx.machines.fleet import Fleet, Place
from kvx.machines.names import calls_needed, check_limits, wanted_names

OURS = {"kvx/cluster": "kvx"}


def whole_fleet(fleet: Fleet) -> Iterator[Resource]:
    """Everything a fleet consists of when it is made, with ids from 1."""
    numbers = iter(range(1, 1000))
    for kind, names in wanted_names(fleet).items():
        for name in sorted(names):
            key = name.removeprefix("kvx-").removesuffix("-ipv4")
            labels = {**OURS, "kvx/node": key} if kind in {"server", "primary_ip", "volume"} else OURS
            yield Resource(kind, next(numbers), name, labels, status="running" if kind == "server" else "")


@pytest.fixture
def large(fleet: Fleet) -> Fleet:
    pools = (fleet.pools[0], replace(fleet.pools[1], volume_gb=50))
    return replace(fleet, pools=pools, load_balancer=Place("lb11", "nbg1"))


@pytest.fixture
def live(large: Fleet) -> Live:
    """All of it, tied together as Terraform does."""
    found = {(each.kind, each.name): each for each in whole_fleet(large)}
    network = found["network", "kvx"]
    found["network", "kvx"] = replace(network, ranges=("10.0.0.0/20",))
    for (kind, name), each in list(found.items()):
        if kind == "server":
            address = found["primary_ip", f"{name}-ipv4"]
            tied = frozenset({("network", network.id), ("primary_ip", address.id)})
            found[kind, name] = replace(each, attached_to=tied)
        if kind == "volume":
            found[kind, name] = replace(each, attached_to=frozenset({("server", found["server", name].id)}))
    found["load_balancer", "kvx"] = replace(
        found["load_balancer", "kvx"],
        attached_to=frozenset({("network", network.id)}),
        selectors=("kvx/cluster=kvx,kvx/pool!=gateway",),
        ports=(80, 443),
    )
    return Live("kvx", tuple(found.values()))


def one(live: Live, kind: str, name: str) -> Resource:
    return next(each for each in live.of(kind) if each.name == name)


def but(live: Live, kind: str, name: str, **more: object) -> Live:
    """The same, except that one resource is otherwise."""
    return replace(
        live,
        resources=tuple(
            replace(each, **more) if (each.kind, each.name) == (kind, name) else each  # type: ignore[arg-type]
            for each in live.resources
        ),
    )


def test_a_lost_state_is_rebuilt_from_what_lives(live: Live, large: Fleet) -> None:
    found = adoptions(live, {}, large)
    addresses = {each.address: each.id for each in found.imports}
    network, balancer = one(live, "network", "kvx").id, one(live, "load_balancer", "kvx").id
    volume = one(live, "volume", "kvx-workers-1").id
    assert addresses["hcloud_network.cluster"] == str(network)
    assert addresses["hcloud_network_subnet.nodes"] == f"{network}-10.0.0.0/20"
    assert addresses["hcloud_firewall.nodes"] == str(one(live, "firewall", "kvx").id)
    assert addresses['hcloud_ssh_key.operator["operator"]'] == str(one(live, "ssh_key", "kvx-operator").id)
    assert 'hcloud_placement_group.spread["control-plane-1"]' in addresses
    assert addresses['hcloud_server.node["workers-2"]'] == str(one(live, "server", "kvx-workers-2").id)
    assert 'hcloud_primary_ip.node["control-plane-1"]' in addresses
    assert addresses['hcloud_volume.node["workers-1"]'] == str(volume)
    assert addresses['hcloud_volume_attachment.node["workers-1"]'] == str(volume)
    assert addresses["hcloud_load_balancer.front[0]"] == str(balancer)
    assert addresses["hcloud_load_balancer_network.front[0]"] == f"{balancer}-{network}"
    selector = "kvx/cluster=kvx,kvx/pool!=gateway"
    assert addresses["hcloud_load_balancer_target.nodes[0]"] == f"{balancer}__label_selector__{selector}"
    assert addresses["hcloud_load_balancer_service.https[0]"] == f"{balancer}__443"
    assert len(addresses) == len(found.imports) == 21
    assert not found.unfinished
    assert not found.surplus


def test_what_the_state_knows_is_not_imported(live: Live, large: Fleet) -> None:
    state = {each.address: each.id for each in adoptions(live, {}, large).imports}
    assert adoptions(live, state, large).imports == ()
    orphan = 'hcloud_server.node["workers-2"]'
    del state[orphan]
    assert [each.address for each in adoptions(live, state, large).imports] == [orphan]


def test_a_name_of_ours_that_is_not_ours_stops_everything(live: Live, large: Fleet) -> None:
    theirs = but(live, "server", "kvx-workers-1", labels={"kvx/cluster": "other"})
    with pytest.raises(KvxError, match="server kvx-workers-1") as refusal:
        adoptions(theirs, {}, large)
    assert "rename" in refusal.value.fix


def test_the_same_name_of_another_kind_disturbs_nobody(live: Live, large: Fleet) -> None:
    floating = Resource("floating_ip", 900, "kvx", {})
    assert adoptions(replace(live, resources=(*live.resources, floating)), {}, large).imports


@pytest.mark.parametrize(("status", "remedy"), [("off", "power-on"), ("initializing", "wait")])
def test_a_half_made_server_is_finished(status: str, remedy: str, live: Live, large: Fleet) -> None:
    found = adoptions(but(live, "server", "kvx-workers-1", status=status), {}, large)
    assert [(each.server.name, each.remedy) for each in found.unfinished] == [("kvx-workers-1", remedy)]
    assert 'hcloud_server.node["workers-1"]' in {each.address for each in found.imports}


@pytest.mark.parametrize("more", [{"status": "unknown"}, {"attached_to": frozenset()}])
def test_a_server_that_cannot_be_finished_is_replaced(
    more: dict[str, object], live: Live, large: Fleet
) -> None:
    found = adoptions(but(live, "server", "kvx-workers-1", **more), {}, large)
    assert [(each.server.name, each.remedy) for each in found.unfinished] == [("kvx-workers-1", "replace")]
    assert 'hcloud_server.node["workers-1"]' not in {each.address for each in found.imports}


@pytest.mark.parametrize("lost", ["network", "primary_ip"])
def test_a_server_without_network_or_address_is_made_anew_unless_the_state_knows_it(
    lost: str, live: Live, large: Fleet
) -> None:
    server = one(live, "server", "kvx-workers-1")
    less = frozenset(each for each in server.attached_to if each[0] != lost)
    assert less != server.attached_to
    lacking = but(live, "server", "kvx-workers-1", attached_to=less)
    found = adoptions(lacking, {}, large)
    assert [(each.server.name, each.remedy) for each in found.unfinished] == [("kvx-workers-1", "replace")]
    known = {'hcloud_server.node["workers-1"]': str(server.id)}
    assert not adoptions(lacking, known, large).unfinished


def test_a_server_that_is_being_deleted_is_nothing(live: Live, large: Fleet) -> None:
    found = adoptions(but(live, "server", "kvx-workers-1", status="deleting"), {}, large)
    assert 'hcloud_server.node["workers-1"]' not in {each.address for each in found.imports}
    assert not found.unfinished


def test_a_volume_that_hangs_on_another_server_is_not_imported_as_attached(live: Live, large: Fleet) -> None:
    other = ("server", one(live, "server", "kvx-workers-2").id)
    found = adoptions(but(live, "volume", "kvx-workers-1", attached_to=frozenset({other})), {}, large)
    assert 'hcloud_volume_attachment.node["workers-1"]' not in {each.address for each in found.imports}


def test_what_is_ours_and_wanted_no_more_is_surplus(live: Live, large: Fleet) -> None:
    """A smaller fleet whose state is lost: its old nodes are told, and never imported."""
    control_plane, workers = large.pools
    smaller = replace(large, pools=(control_plane, replace(workers, count=1)))
    found = adoptions(live, {}, smaller)
    names = {(each.kind, each.name) for each in found.surplus}
    assert names == {
        ("server", "kvx-workers-2"),
        ("primary_ip", "kvx-workers-2-ipv4"),
        ("volume", "kvx-workers-2"),
    }


def test_surplus_that_the_state_knows_is_terraforms_to_delete(live: Live, large: Fleet) -> None:
    state = {each.address: each.id for each in adoptions(live, {}, large).imports}
    control_plane, workers = large.pools
    smaller = replace(large, pools=(control_plane, replace(workers, count=1)))
    assert adoptions(live, state, smaller).surplus == ()


def test_fifty_groups_are_all_a_project_may_have(large: Fleet) -> None:
    groups = [Resource("placement_group", 100 + n, f"theirs-{n}", {}) for n in range(48)]
    check_limits(large, Live("kvx", tuple(groups)))
    with pytest.raises(KvxError, match="51 placement groups"):
        check_limits(large, Live("kvx", (*groups, Resource("placement_group", 200, "one-more", {}))))


def test_groups_are_counted_in_tens(fleet: Fleet) -> None:
    control_plane, workers = fleet.pools
    for count, groups in ((1, 1), (10, 1), (11, 2), (20, 2), (21, 3), (0, 0)):
        names = wanted_names(replace(fleet, pools=(control_plane, replace(workers, count=count))))
        assert len(names["placement_group"]) == groups + 1


def test_a_network_holds_a_hundred_servers_autoscaled_ones_too(fleet: Fleet) -> None:
    control_plane, workers = fleet.pools
    full = replace(fleet, pools=(control_plane, replace(workers, count=99)))
    network = Resource("network", 1, "kvx", OURS)
    check_limits(full, Live("kvx", (network,)))
    autoscaled = Resource("server", 2, "auto-1", {}, attached_to=frozenset({("network", 1)}))
    with pytest.raises(KvxError, match="101 servers"):
        check_limits(full, Live("kvx", (network, autoscaled)))


def test_the_requests_of_a_deploy_are_rather_over_than_under_estimated(
    fleet: Fleet, large: Fleet, live: Live
) -> None:
    """Against what was measured, see calls_needed."""
    assert 110 <= calls_needed(fleet, Live("kvx")) <= 220
    assert 49 <= calls_needed(large, live) <= 110

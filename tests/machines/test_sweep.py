"""Cleanup takes all of ours and nothing of others, in an order that Hetzner accepts, and proves it."""

import pytest

from kvx.drivers.hetzner_sweep import (
    SWEEP_SECONDS,
    leftovers,
    monthly,
    remove_controllers_things,
    sweep,
)
from kvx.errors import ExitCode, KvxError

OURS = {"kvx/cluster": "kvx"}
SUBNET = {"type": "cloud", "network_zone": "eu-central", "ip_range": "10.0.0.0/20"}
KEYS = ("ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIC6WCmcYJ2wJgWGSB9GMEJOZLIy8ml8qXDMTjjtBLIwV test",)
EVERYTHING = (
    "servers",
    "load_balancers",
    "volumes",
    "primary_ips",
    "networks",
    "firewalls",
    "placement_groups",
    "ssh_keys",
)


@pytest.fixture
def cluster(hetzner):
    """Two nodes in a network behind a load balancer, with all that belongs to them."""
    network = hetzner.make("networks", "kvx", ip_range="10.0.0.0/16", subnets=[SUBNET], labels=OURS)
    selector = {"type": "label_selector", "label_selector": {"selector": "kvx/cluster=kvx"}}
    rule = {"direction": "in", "protocol": "tcp", "port": "22", "source_ips": ["198.51.100.7/32"]}
    hetzner.make("firewalls", "kvx", labels=OURS, apply_to=[selector], rules=[rule])
    hetzner.make("ssh_keys", "kvx-operator", public_key=KEYS[0], labels=OURS)
    for pool in ("control-plane", "workers"):
        node = {**OURS, "kvx/pool": pool, "kvx/node": f"{pool}-1"}
        group = hetzner.make("placement_groups", f"kvx-{pool}-1", type="spread", labels=OURS)
        address = hetzner.make(
            "primary_ips", f"kvx-{pool}-1-ipv4", type="ipv4", location="nbg1", auto_delete=False, labels=node
        )
        server = hetzner.server(
            f"kvx-{pool}-1",
            labels=node,
            networks=[network],
            placement_group=group,
            public_net={"ipv4": address, "enable_ipv4": True, "enable_ipv6": False},
        )
        if pool == "workers":
            hetzner.make("volumes", f"kvx-{pool}-1", size=50, server=server, labels=node)
    hetzner.make(
        "load_balancers",
        "kvx",
        load_balancer_type="lb11",
        location="nbg1",
        network=network,
        labels=OURS,
        targets=[{**selector, "use_private_ip": True}],
    )
    return hetzner


def ids(hetzner) -> dict[tuple[str, str], int]:
    return {
        (plural, each["name"]): each["id"]
        for plural in EVERYTHING
        for each in hetzner.send("GET", f"/{plural}?per_page=50")[plural]
    }


def add_controllers_things(hetzner) -> set[str]:
    """As the cloud controller, the volume driver and the autoscaler make them; their names."""
    known = ids(hetzner)
    network, worker = known["networks", "kvx"], known["servers", "kvx-workers-1"]
    hetzner.make(
        "load_balancers",
        "a1b2c3",
        load_balancer_type="lb11",
        location="nbg1",
        network=network,
        labels={"hcloud-ccm/service-uid": "u-1"},
    )
    hetzner.make("volumes", "pvc-7f", size=10, server=worker, labels={"managed-by": "csi-driver"})
    burst = hetzner.server("burst-x1", networks=[network], labels={"hcloud/node-group": "burst"})
    hetzner.make("volumes", "pvc-8a", size=10, server=burst, labels={"managed-by": "csi-driver"})
    return {"a1b2c3", "pvc-7f", "pvc-8a", "burst-x1"}


def add_foreign_things(hetzner) -> set[tuple[str, str]]:
    """Another cluster of the same project, a shop, and names that look like ours."""
    network = hetzner.make(
        "networks", "office", ip_range="10.9.0.0/16", subnets=[{**SUBNET, "ip_range": "10.9.0.0/24"}]
    )
    server = hetzner.server("shop", networks=[network])
    hetzner.make("volumes", "shop-data", size=10, server=server)
    hetzner.make("volumes", "pvc-theirs", size=10, location="nbg1", labels={"managed-by": "csi-driver"})
    hetzner.make(
        "load_balancers",
        "theirs",
        load_balancer_type="lb11",
        location="nbg1",
        network=network,
        labels={"hcloud-ccm/service-uid": "u-9"},
    )
    hetzner.server("kvx-demo", labels={"kvx/cluster": "kvx-demo"})
    hetzner.make("firewalls", "kvx-old", rules=[])
    return {
        ("networks", "office"),
        ("servers", "shop"),
        ("servers", "kvx-demo"),
        ("volumes", "shop-data"),
        ("volumes", "pvc-theirs"),
        ("load_balancers", "theirs"),
        ("firewalls", "kvx-old"),
    }


def test_what_would_go_is_listed_with_its_price_and_nothing_is_written(cluster, recorder) -> None:
    before = len(cluster.requests())
    found = leftovers(cluster.account(), "kvx", recorder.world)
    listed = {(each.kind, each.name): monthly(each) for each in found}
    assert listed["server", "kvx-workers-1"] == "10.49 EUR/month"
    assert listed["load_balancer", "kvx"] == "7.49 EUR/month"
    assert listed["volume", "kvx-workers-1"] == "2.86 EUR/month"
    assert listed["primary_ip", "kvx-workers-1-ipv4"] == "0.50 EUR/month"
    assert listed["network", "kvx"] == "free"
    assert len(listed) == 11
    assert {each["method"] for each in cluster.requests()[before:]} == {"GET"}


def test_a_sweep_leaves_nothing_of_ours_and_everything_of_others(cluster, recorder) -> None:
    foreign = add_foreign_things(cluster)
    before = ids(cluster)
    theirs = {key: number for key, number in before.items() if key in foreign}
    assert theirs.keys() == foreign
    swept = sweep(cluster.account(), "kvx", recorder.world)
    after = ids(cluster)
    assert theirs.items() <= after.items()
    assert not [key for key in after.keys() - foreign if key[1].startswith("kvx")]
    assert len(swept.removed) == 11
    assert leftovers(cluster.account(), "kvx", recorder.world) == ()
    assert {each.name for each in swept.in_doubt} == {"pvc-theirs"}
    assert {each.name for each in swept.strangers} == {"kvx-old"}
    assert any("deleting server kvx-workers-1 (10.49 EUR/month)" in words for words in recorder.told)


def test_what_the_controllers_made_goes_first_and_only_that(cluster, recorder) -> None:
    made, foreign = add_controllers_things(cluster), add_foreign_things(cluster)
    before = ids(cluster)
    removed = remove_controllers_things(cluster.account(), "kvx", recorder.world)
    assert {each.name for each in removed} == made
    gone = {key[1] for key in before.keys() - ids(cluster).keys() if not key[1].startswith("primary_ip")}
    assert gone == made
    assert foreign <= ids(cluster).keys()
    statuses = {each["name"]: each["status"] for each in cluster.send("GET", "/servers")["servers"]}
    assert statuses["kvx-control-plane-1"] == "off"
    assert statuses["shop"] == "running"


def test_without_things_of_controllers_nothing_is_switched_off(cluster, recorder) -> None:
    assert remove_controllers_things(cluster.account(), "kvx", recorder.world) == ()
    assert {each["status"] for each in cluster.send("GET", "/servers")["servers"]} == {"running"}


def test_a_cleanup_that_was_interrupted_still_knows_what_the_controllers_made(cluster, recorder) -> None:
    """The volume was let go and not deleted: nothing but our label says whose it is."""
    add_controllers_things(cluster)
    cluster.use(faults=[{"kind": "refuse", "method": "DELETE", "path": "/volumes/*", "code": "maintenance"}])
    with pytest.raises(KvxError, match="could not delete volume"):
        remove_controllers_things(cluster.account(), "kvx", recorder.world)
    sweep(cluster.account(), "kvx", recorder.world)
    assert not any(name.startswith("pvc-") for name in cluster.names("volumes"))
    assert cluster.names("servers") == set()
    assert cluster.names("primary_ips") == set()


def test_what_is_protected_is_named_and_stays(cluster, recorder) -> None:
    server = ids(cluster)["servers", "kvx-workers-1"]
    path = f"/servers/{server}/actions/change_protection"
    cluster.send("POST", path, delete=True, rebuild=True)
    before = ids(cluster)
    with pytest.raises(KvxError, match="protected against deletion: server kvx-workers-1") as refusal:
        sweep(cluster.account(), "kvx", recorder.world)
    assert refusal.value.exit_code is ExitCode.MISSING
    assert "--yes-destroy" in refusal.value.fix
    assert ids(cluster) == before


def test_protection_is_lifted_when_the_name_was_typed(cluster, recorder) -> None:
    known = ids(cluster)
    for plural, wish in (("servers", {"rebuild": True}), ("volumes", {}), ("load_balancers", {})):
        name = "kvx" if plural == "load_balancers" else "kvx-workers-1"
        path = f"/{plural}/{known[plural, name]}/actions/change_protection"
        cluster.send("POST", path, delete=True, **wish)
    sweep(cluster.account(), "kvx", recorder.world, lift_protection=True)
    assert not ids(cluster)


def test_a_sweep_goes_on_after_a_cut_connection_and_a_lock(cluster, recorder) -> None:
    cut = {"kind": "cut_after_write", "method": "DELETE", "path": "/servers/*", "times": 1}
    locked = {"kind": "refuse", "method": "DELETE", "path": "/servers/*", "code": "locked", "times": 2}
    cluster.use(faults=[locked, {**cut, "after": 2}])
    sweep(cluster.account(), "kvx", recorder.world)
    assert not ids(cluster)


def test_what_cannot_go_is_told_in_the_end_with_its_price(cluster, recorder) -> None:
    fault = {"kind": "refuse", "method": "DELETE", "path": "/volumes/*", "code": "locked", "times": "always"}
    cluster.use(faults=[fault])
    with pytest.raises(KvxError, match=r"still there .* volume kvx-workers-1 .* 2.86 EUR/month") as refusal:
        sweep(cluster.account(), "kvx", recorder.world)
    assert refusal.value.exit_code is ExitCode.INCOMPLETE
    assert sum(recorder.slept) < 2 * SWEEP_SECONDS
    assert ids(cluster).keys() == {("volumes", "kvx-workers-1")}


def test_what_never_can_go_stops_the_sweep_at_once(cluster, recorder) -> None:
    fault = {"kind": "refuse", "method": "DELETE", "path": "/networks/*", "code": "forbidden", "status": 403}
    cluster.use(faults=[fault])
    with pytest.raises(KvxError, match="could not delete network kvx"):
        sweep(cluster.account(), "kvx", recorder.world)


def test_what_is_not_ours_in_our_network_stops_the_cleanup_before_anything_goes(cluster, recorder) -> None:
    network = ids(cluster)["networks", "kvx"]
    cluster.server("somebody", networks=[network])
    before = ids(cluster)
    for clean_up in (remove_controllers_things, sweep):
        with pytest.raises(KvxError, match="server somebody") as refusal:
            clean_up(cluster.account(), "kvx", recorder.world)
        assert refusal.value.exit_code is ExitCode.MISSING
    assert ids(cluster) == before


def test_an_empty_project_is_swept_without_a_write(hetzner, recorder) -> None:
    assert sweep(hetzner.account(), "kvx", recorder.world).removed == ()
    assert {each["method"] for each in hetzner.requests()} == {"GET"}

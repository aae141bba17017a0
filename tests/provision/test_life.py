"""A cluster's life from the first machine to the last: the simulated Hetzner, the real provider."""

import json
import os
from typing import Any

import pytest

from kvx import drivers
from kvx.machines.fleet import Place, Pool

pytestmark = pytest.mark.needs("terraform", "hcloud-provider")

CONTROL_PLANE = Pool("control-plane", 1, (Place("cax11", "nbg1"),))
ALL = ["PlaceMachines", "WriteWorkspace", "AdoptMachines", "ApplyMachines", "HandOver"]


def workers(count: int, kind: str = "cax21", name: str = "workers") -> Pool:
    return Pool(name, count, (Place(kind, "nbg1"),))


def test_machines_are_made_changed_and_taken_away(cluster: Any) -> None:
    assert cluster.deploy() == ALL
    cluster.is_whole()
    assert any(line.startswith("server workers-1: created after") for line in cluster.said)

    assert cluster.deploy() == [], "a second deploy finds nothing to do"

    cluster.wants(pools=(CONTROL_PLANE, workers(2), workers(1, name="middle"), workers(1, name="other")))
    cluster.deploy()
    cluster.is_whole()
    before = {each["name"]: each["id"] for each in cluster.simulation.resources("server")}

    cluster.wants(pools=(CONTROL_PLANE, workers(2), workers(1, name="other")))
    cluster.deploy()
    cluster.is_whole()
    after = {each["name"]: each["id"] for each in cluster.simulation.resources("server")}
    assert after == {name: number for name, number in before.items() if "middle" not in name}

    cluster.wants(pools=(CONTROL_PLANE, workers(2, "cax31"), workers(1, name="other")))
    cluster.deploy()
    cluster.is_whole()
    types = {each["name"]: each["type"] for each in cluster.simulation.resources("server")}
    assert types["kvx-workers-1"] == "cax31", types
    assert {each["name"]: each["id"] for each in cluster.simulation.resources("server")} == after

    cluster.clean_up()
    assert cluster.simulation.resources() == []


def test_a_host_key_that_a_node_made_itself_stays_handed_over(cluster: Any) -> None:
    cluster.deploy()
    known = cluster.folder / "known_hosts"
    first, *others = known.read_text().splitlines()
    address = first.split(",")[0]
    own = f"{first.split()[0]} ssh-ed25519 AAAAmade-by-the-node"
    (cluster.folder / "known_hosts.d").mkdir()
    (cluster.folder / "known_hosts.d" / address).write_text(f"{own}\n")
    assert cluster.deploy() == ["HandOver"]
    assert known.read_text().splitlines() == [own, *others]
    assert cluster.deploy() == []


def test_everything_that_is_written_belongs_to_this_user_alone(cluster: Any) -> None:
    before = os.umask(0)
    try:
        cluster.deploy()
    finally:
        os.umask(before)
    open_to_others = [
        str(path.relative_to(cluster.folder))
        for path in cluster.folder.rglob("*")
        if not path.is_symlink() and path.stat().st_mode & 0o077 and ".terraform" not in path.parts
        and path.name != ".terraform.lock.hcl"
    ]  # fmt: skip
    assert open_to_others == []


def test_a_load_balancer_volumes_and_private_nodes_come_and_go(cluster: Any) -> None:
    pool = Pool("workers", 1, (Place("cax21", "nbg1"),), volume_gb=10)
    cluster.wants(pools=(CONTROL_PLANE, pool), load_balancer=Place("lb11", "nbg1"), private_only=True)
    cluster.deploy()
    cluster.is_whole()
    assert cluster.deploy() == []
    assert len(cluster.simulation.resources("load_balancer")) == 1
    assert len(cluster.simulation.resources("volume")) == 1
    cluster.clean_up()
    assert cluster.simulation.resources() == []


def test_what_carries_our_label_and_is_not_in_the_state_is_adopted(cluster: Any) -> None:
    pool = Pool("workers", 2, (Place("cax21", "nbg1"),), volume_gb=10)
    cluster.wants(pools=(CONTROL_PLANE, pool), load_balancer=Place("lb11", "nbg1"))
    cluster.deploy()
    before = {(each["kind"], each["id"]) for each in cluster.simulation.resources()}
    cluster.state_file.unlink()
    (cluster.folder / "state-guard.json").unlink()
    cluster.deploy()
    cluster.is_whole()
    assert {(each["kind"], each["id"]) for each in cluster.simulation.resources()} == before
    assert not (cluster.workspace / "imports.tf").exists()
    assert cluster.deploy() == []


def test_a_server_that_was_switched_off_runs_again(cluster: Any) -> None:
    cluster.deploy()
    server = cluster.simulation.resources("server")[0]
    cluster.simulation.call("POST", f"/servers/{server['id']}/actions/poweroff")
    cluster.deploy()
    cluster.is_whole()


def test_what_a_smaller_fleet_left_behind_is_given_up(cluster: Any) -> None:
    cluster.deploy()
    labels = {"kvx/cluster": "kvx", "kvx/pool": "workers", "kvx/node": "workers-3"}
    body = {"name": "kvx-workers-3", "server_type": "cax21", "image": "debian-12", "location": "nbg1"}
    cluster.simulation.call("POST", "/servers", body | {"labels": labels})
    assert "AdoptMachines" in cluster.deploy()
    cluster.is_whole()


def test_a_name_that_somebody_else_has_is_never_taken_over(cluster: Any) -> None:
    from kvx.errors import KvxError

    body = {"name": "kvx-workers-1", "server_type": "cax21", "image": "debian-12", "location": "nbg1"}
    cluster.simulation.call("POST", "/servers", body)
    with pytest.raises(KvxError, match="kvx-workers-1"):
        cluster.deploy()
    assert [each["name"] for each in cluster.simulation.resources("server")] == ["kvx-workers-1"]


def test_a_run_that_goes_on_still_tells_the_price(cluster: Any) -> None:
    """The places were decided, and priced, by the run before it."""
    cluster.deploy()
    told = drivers.perform(cluster.steps()[-1], cluster.world).data
    assert told["monthly_net"] == json.loads((cluster.folder / "placement.json").read_text())["monthly_net"]

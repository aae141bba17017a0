"""A machine that was made anew is asked for the host key it was made with."""

import json
from dataclasses import replace
from typing import Any

import pytest

pytestmark = pytest.mark.needs("terraform", "hcloud-provider")


def test_the_key_that_a_lost_machine_had_made_is_forgotten_and_that_of_a_living_one_is_kept(
    cluster: Any,
) -> None:
    cluster.deploy()
    given = (cluster.folder / "known_hosts").read_text()
    servers = {each["labels"]["kvx/node"]: each for each in cluster.simulation.resources("server")}
    nodes = json.loads((cluster.folder / "provision.json").read_text())["nodes"]
    kept, lost = (nodes[key]["public_ip"] for key in ("control-plane-1", "workers-1"))
    known = cluster.folder / "known_hosts.d"
    known.mkdir()
    for address in (kept, lost):
        (known / address).write_text(f"{address} ssh-ed25519 AAAAmade-by-{address}\n")
    cluster.deploy()
    cluster.simulation.call("DELETE", f"/servers/{servers['workers-1']['id']}")
    first, workers = cluster.fleet.pools
    cluster.wants(pools=(first, replace(workers, count=3)))
    cluster.deploy()
    cluster.is_whole()
    assert [path.name for path in known.iterdir()] == [kept]
    lines = (cluster.folder / "known_hosts").read_text().splitlines()
    assert f"{kept} ssh-ed25519 AAAAmade-by-{kept}" in lines
    made_with = next(line.split()[-1] for line in given.splitlines() if line.startswith(f"{lost},"))
    assert any(line.startswith(f"{lost},") and line.endswith(made_with) for line in lines)
    assert any("forgot the host key" in words for words in cluster.said)
    assert cluster.deploy() == []

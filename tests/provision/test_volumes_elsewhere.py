"""A node that is refused where it was wanted takes its volume along to the next place."""

from typing import Any

from kvx.machines.fleet import Place, Pool


def test_a_volume_is_made_where_its_server_was_to_be_had(cluster: Any) -> None:
    places = (Place("cax21", "nbg1"), Place("cax21", "hel1"))
    workers = Pool("workers", 2, places, volume_gb=10)
    cluster.wants(pools=(Pool("control-plane", 1, (Place("cax11", "nbg1"),)), workers))
    gone = {"kind": "stock_gone", "method": "POST", "path": "/servers", "times": "always"}
    gone["body"] = {"server_type": "cax21", "location": "nbg1"}
    cluster.simulation.scenario(faults=[gone])
    cluster.deploy()
    cluster.is_whole()
    volumes = {each["name"]: each["location"] for each in cluster.simulation.resources("volume")}
    assert volumes == {"kvx-workers-1": "hel1", "kvx-workers-2": "hel1"}

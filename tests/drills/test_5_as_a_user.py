"""Commands of kvx nodes on the cluster that stands, typed as a person types them."""

from drill import Drill


def test_each_node_is_listed_as_it_is(drill: Drill) -> None:
    nodes = drill.listed()
    assert set(nodes) == {host.name for host in drill.fleet.hosts}
    assert all(node["ready"] and node["schedulable"] for node in nodes.values())
    assert {node["version"] for node in nodes.values()} == {drill.version}
    votes = {name: node["etcd_voter"] for name, node in nodes.items()}
    assert votes == {host.name: True if host in drill.fleet.servers else None for host in drill.fleet.hosts}


def test_a_command_runs_on_every_node_it_is_meant_for(drill: Drill) -> None:
    ended = drill.kvx("nodes", "run", "--on", "agents", "--", "hostname")
    assert ended.returncode == 0
    assert [line.split() for line in ended.stdout.splitlines()] == [
        [host.name, host.name] for host in drill.fleet.agents
    ]

"""site.yml on fresh hosts: killed in the middle, run to its end."""

from drill import Drill
from quorum import watched


def test_killed_when_settings_are_written_and_not_read_the_next_run_lets_them_be_read(fresh: Drill) -> None:
    fresh.kill_in_the_middle("site.yml", "kvx-workers-2: Write the settings (base): changed")
    agent = fresh.fleet.agents[1]
    assert "/readers/sshd.wanted" in fresh.run(agent, "ls /var/lib/kvx/readers/sshd.wanted")
    second = fresh.fleet.servers[1].name
    fresh.kill_in_the_middle("site.yml", f"{second}: Write the settings and the unit, and what the kernel")
    for host in fresh.fleet.hosts:
        assert fresh.ssh(host, "ls /var/lib/kvx/readers/*.wanted").returncode != 0, host.name
        refused = fresh.ssh(host, "true", "-o", "PubkeyAuthentication=no")
        assert "Permission denied (publickey)" in refused.stderr, host.name


def test_killed_while_a_server_joins_the_next_run_repairs_it_and_loses_no_quorum(fresh: Drill) -> None:
    with watched(fresh.fleet.servers) as quorum:
        played = fresh.play("site.yml")
    assert all(result.good for result in played.hosts.values())
    assert quorum.down_together() == []
    assert len(fresh.nodes()) == 5

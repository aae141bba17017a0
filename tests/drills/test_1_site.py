"""site.yml on fresh hosts: killed in the middle, run to its end, run again, run with another setting."""

from collections import defaultdict

from drill import Drill
from quorum import watched

# An election takes 5 s at most where a server goes in order; the rest is for a machine that is busy.
LONGEST_SILENCE_SECONDS = 30
SETTINGS = {"base_journal_days": 7, "k3s_server_audit_days": 31}


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


def test_run_again_it_changes_nothing(drill: Drill) -> None:
    played = drill.play("site.yml")
    assert {host: result.changed for host, result in played.hosts.items()} == dict.fromkeys(played.hosts, 0)
    assert played.changes == ()


def test_with_one_setting_changed_only_what_it_touches_changes(drill: Drill) -> None:
    holder, other = drill.fleet.agents
    drill.run(holder, "echo kept > /var/lib/kvx-volume/note && umount /var/lib/kvx-volume")
    foretold = drill.play("site.yml", check=True, **SETTINGS)
    with watched(drill.fleet.servers) as quorum:
        played = drill.play("site.yml", **SETTINGS)
    drill.settings = dict(SETTINGS)
    touched = defaultdict(set)
    for change in played.changes:
        touched[change.host].add(change.role)
    for host in drill.fleet.servers:
        assert touched.pop(host.name) == {"base", "k3s"}, host.name
    assert touched == {holder.name: {"base", "volume"}, other.name: {"base"}}
    assert drill.run(holder, "cat /var/lib/kvx-volume/note") == "kept"
    assert {each.host for each in foretold.changes} == {each.host for each in played.changes}
    assert quorum.restarted() == [host.name for host in drill.fleet.servers]
    assert quorum.down_together() == []
    silence = quorum.longest_silence()
    print(f"longest without a majority: {silence:.1f} s")
    assert silence < LONGEST_SILENCE_SECONDS

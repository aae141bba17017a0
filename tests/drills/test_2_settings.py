"""site.yml with another setting, once the nodes were looked at: only what it touches changes."""

from collections import defaultdict

from drill import Drill
from quorum import watched

# An election takes 5 s at most where a server goes in order; the rest is for a machine that is busy.
LONGEST_SILENCE_SECONDS = 60
SETTINGS = {"base_journal_megabytes": 123, "base_journal_days": 7, "k3s_server_audit_days": 31}
JOURNAL = "cat /etc/systemd/journald.conf.d/kvx.conf"


def test_with_one_setting_changed_only_what_it_touches_changes_as_the_check_has_told(drill: Drill) -> None:
    holder, other = drill.fleet.agents
    drill.run(holder, "echo kept > /var/lib/kvx-volume/note && umount /var/lib/kvx-volume")
    before = drill.run(holder, JOURNAL)
    drill.settings = dict(SETTINGS)
    assert_that_the_check_tells_of_all_machines(drill)
    assert drill.run(holder, JOURNAL) == before
    with watched(drill.fleet.servers) as quorum:
        played = drill.play("site.yml")
    touched = defaultdict(set)
    for change in played.changes:
        touched[change.host].add(change.role)
    for host in drill.fleet.servers:
        assert touched.pop(host.name) == {"base", "k3s"}, host.name
    assert touched == {holder.name: {"base", "volume"}, other.name: {"base"}}
    assert drill.run(holder, "cat /var/lib/kvx-volume/note") == "kept"
    assert quorum.restarted() == [host.name for host in drill.fleet.servers]
    assert quorum.down_together() == []
    silence = quorum.longest_silence()
    print(f"longest without a majority: {silence:.1f} s")
    assert silence < LONGEST_SILENCE_SECONDS


def assert_that_the_check_tells_of_all_machines(drill: Drill) -> None:
    """What a person reads who asks before anything is changed."""
    ended = drill.kvx("ansible", "--check")
    assert ended.returncode == 0, ended.stderr
    told = ended.stdout[ended.stdout.index("What that changes on the machines:") :]
    assert all(host.name in told for host in drill.fleet.hosts)
    assert "    base: Write the settings\n" in told
    assert ": nothing" not in told
    assert "+SystemMaxUse=123M" in told

"""What is wrong with a machine is said before anything changes: which host, which task, what to do."""

import re
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest
from drill import SECOND, Drill
from stand_in_cluster import release
from systemd_hosts import power
from systemd_hosts.fleet import Host

from kvx.errors import ExitCode, KvxError

FAKETIME = "/usr/lib/x86_64-linux-gnu/faketime/libfaketime.so.1"


def refusal(drill: Drill, on: Sequence[Host] = (), **variables: object) -> KvxError:
    """What is said where a play must be refused, asked of the agents alone unless others are named."""
    with pytest.raises(KvxError) as raised:
        drill.play("site.yml", on=on or drill.fleet.agents, **variables)
    print(raised.value.message, "\nfix:", raised.value.fix)
    assert raised.value.exit_code == ExitCode.FAILED
    return raised.value


def assert_that_it_names(error: KvxError, host: Host, *words: str, others: int = 1) -> None:
    """The host, the words, and how many others came through."""
    assert error.message.startswith(f"{host.name}"), error.message
    assert f"(other hosts: {others} without a failure" in error.message
    for each in words:
        assert each in f"{error.message} {error.fix}", (each, error.message, error.fix)


def test_a_host_that_is_off(drill: Drill) -> None:
    off = drill.fleet.agents[1]
    power.kill(off)
    try:
        error = refusal(drill, drill.fleet.hosts)
    finally:
        power.start(off)
        drill.await_login(off)
    assert_that_it_names(error, off, "was not reached", "kvx drift", others=4)


def test_a_host_that_shows_another_key(drill: Drill) -> None:
    stranger, other = drill.fleet.agents
    known = drill.folder / "known_hosts.d" / stranger.public_ip
    right = known.read_text()
    key = (drill.folder / "known_hosts.d" / other.public_ip).read_text().split()[1:]
    try:
        known.write_text(" ".join([right.split()[0], *key]) + "\n")
        error = refusal(drill)
    finally:
        known.write_text(right)
    assert_that_it_names(error, stranger, "another host key", f"rm {known}")


@contextmanager
def changed(drill: Drill, host: Host, command: str, back: str) -> Iterator[None]:
    drill.run(host, command)
    try:
        yield
    finally:
        drill.run(host, back)


def test_a_disk_that_is_full(drill: Drill) -> None:
    host = drill.fleet.agents[0]
    small = (
        "mount -t tmpfs -o size=4400m kvx-small /usr/local/share && fallocate -l 4399m /usr/local/share/full"
    )
    mount = "mount --bind /usr/local/share /var/lib/rancher"
    with changed(drill, host, f"{small} && {mount}", "umount /var/lib/rancher; umount /usr/local/share"):
        error = refusal(drill)
    assert_that_it_names(error, host, "There is room on the disk", "/var/lib/rancher has 1M", "Make room")


def _session(words: str) -> str:
    """A setting of sshd for all that runs in its sessions, tried before it counts."""
    path = "/etc/ssh/sshd_config.d/99-kvx-drill.conf"
    return f"printf '%s\\n' '{words}' > {path} && sshd -t && systemctl reload ssh"


SESSION_BACK = "rm -f /etc/ssh/sshd_config.d/99-kvx-drill.conf && systemctl reload ssh"


def test_a_clock_that_is_an_hour_late(drill: Drill) -> None:
    """All hosts share one kernel's clock: libfaketime shifts it for every program of the SSH session."""
    host = drill.fleet.agents[1]
    drill.run(host, f"[ -e {FAKETIME} ] || apt-get install -qq -y --no-install-recommends libfaketime")
    session = _session(f'SetEnv LD_PRELOAD={FAKETIME} FAKETIME="-3600" FAKETIME_DONT_FAKE_MONOTONIC=1')
    with changed(drill, host, session, SESSION_BACK):
        error = refusal(drill)
    off = re.search(r"its clock is about (-?\d+) s", error.message)
    assert off is not None, error.message
    assert abs(int(off.group(1)) + 3600) < 30
    assert_that_it_names(error, host, "The clock is right", "timedatectl set-ntp true")


def test_an_architecture_that_kvx_does_not_run_on(drill: Drill) -> None:
    """The kernel itself says i686, which Ansible calls i386, to what systemd starts with that personality."""
    host = drill.fleet.agents[0]
    place = "/run/systemd/system/ssh.service.d"
    there = f"mkdir -p {place} && printf '[Service]\\nPersonality=x86\\n' > {place}/x.conf"
    restart = "systemctl daemon-reload && systemctl restart ssh"
    with changed(drill, host, f"{there} && {restart}", f"rm -r {place} && {restart}"):
        error = refusal(drill)
    assert_that_it_names(
        error, host, "The architecture is one kvx knows", "the machine is i386", "server type"
    )


def test_an_architecture_that_was_not_ordered(drill: Drill, inventory: Callable[[str, str], None]) -> None:
    inventory('"architecture": "amd64"', '"architecture": "arm64"')
    error = refusal(drill, drill.fleet.agents[:1])
    assert error.message.startswith(drill.fleet.agents[0].name)
    assert "the machine is x86_64, the inventory says arm64" in error.message


def test_a_program_that_is_not_what_was_released(drill: Drill, tmp_path: Path) -> None:
    folder = tmp_path / "release"
    shutil.copytree(release(drill.version), folder)
    with (folder / "k3s").open("r+b") as program:
        program.seek(1000)
        program.write(b"another byte")
    error = refusal(drill, drill.fleet.agents[:1], k3s_files_folder=str(folder))
    assert "It is the one that was released" in error.message
    assert re.search(r"has the SHA-256 [0-9a-f]{64}, released was [0-9a-f]{64}", error.message)
    assert "Fetch k3s of" in error.message


def test_a_version_that_is_not_one(drill: Drill) -> None:
    error = refusal(
        drill, drill.fleet.agents[:1], k3s_version="v1.34", k3s_files_folder=str(release(drill.version))
    )
    assert "name one release in full, such as v1.34.2+k3s1" in error.message


def test_another_version_than_the_one_that_is_there(drill: Drill) -> None:
    other = SECOND if drill.version != SECOND else "v1.34.2+k3s1"
    error = refusal(drill, drill.fleet.agents[:1], k3s_version=other)
    assert "run upgrade.yml (kvx nodes upgrade)" in error.message


def test_after_all_that_site_run_again_changes_nothing(drill: Drill) -> None:
    played = drill.play("site.yml")
    assert {host: result.changed for host, result in played.hosts.items()} == dict.fromkeys(played.hosts, 0)
    assert played.changes == ()


@pytest.fixture
def inventory(drill: Drill) -> Iterator[Callable[[str, str], None]]:
    """Writes something else into the inventory, for one test."""
    right = drill.inventory.read_text()

    def write(old: str, new: str) -> None:
        assert old in right
        drill.inventory.write_text(right.replace(old, new))

    yield write
    drill.inventory.write_text(right)

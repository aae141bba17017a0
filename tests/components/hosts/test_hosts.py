"""Test hosts are machines of their own, and leave nothing behind."""

import json
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from hosts_component import fresh
from systemd_hosts import control_groups, lifecycle, machine_settings, power
from systemd_hosts.fleet import Fleet, planned

pytestmark = [pytest.mark.needs("hosts"), pytest.mark.timeout(600)]

FLEET = 51
REBOOT_SECONDS = 240


@pytest.fixture(scope="module")
def pair() -> Iterator[Fleet]:
    with fresh(FLEET) as number:
        yield lifecycle.bring_up(number, 2)


def _says(fleet: Fleet, number: int, command: str, seconds: float = 60) -> str:
    done = power.ssh(fleet, fleet.hosts[number - 1], command, seconds=seconds)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_nothing_is_left_when_hosts_are_down() -> None:
    with fresh(FLEET + 1) as number:
        before = _left()
        lifecycle.bring_up(number, 1)
        assert all(_left().values())
        lifecycle.bring_down(number)
        assert _left() == before


def test_settings_of_the_machine_are_put_back_with_the_last_fleet() -> None:
    with fresh(FLEET + 1) as number:
        others_stand, before = machine_settings.SETTINGS.exists(), _settings()
        fleet = lifecycle.bring_up(number, 1)
        _says(fleet, 1, "sysctl -qw kernel.panic=7")
        _says(fleet, 1, "echo always > /sys/kernel/mm/transparent_hugepage/enabled")
        _says(fleet, 1, "cat /sys/class/zram-control/hot_add")
        changed = _settings()
        assert changed != before
        lifecycle.bring_down(number)
        assert _settings() == (changed if others_stand else before)


def test_systemd_is_the_first_program_and_content(pair: Fleet) -> None:
    assert _says(pair, 1, "systemctl is-system-running --wait", seconds=240) == "running"
    assert _says(pair, 1, "cat /proc/1/comm") == "systemd"


def test_each_host_has_names_and_keys_of_its_own(pair: Fleet) -> None:
    assert [_says(pair, number, "hostname") for number in (1, 2)] == ["kvx-control-plane-1", "kvx-workers-1"]
    keys = {line.split()[2] for line in pair.known_hosts.read_text().splitlines()}
    assert len(keys) == 2


def test_a_wrong_host_key_is_refused(pair: Fleet) -> None:
    first, second = pair.known_hosts.read_text().splitlines()
    swapped = [f"{first.split()[0]} {second.split(maxsplit=1)[1]}", second]
    right = pair.known_hosts.read_text()
    try:
        pair.known_hosts.write_text("\n".join(swapped) + "\n")
        assert power.ssh(pair, pair.hosts[0], "true").returncode == 255
    finally:
        pair.known_hosts.write_text(right)


def test_limits_of_services_are_in_force(pair: Fleet) -> None:
    run = "systemd-run --quiet --pipe --wait -p TasksMax=3"
    many = power.ssh(pair, pair.hosts[0], f"{run} sh -c 'sleep 30 & sleep 30 & sleep 30 & sleep 30 & wait'")
    assert many.returncode != 0
    assert "fork" in many.stderr
    assert power.ssh(pair, pair.hosts[0], f"{run} true").returncode == 0


def test_the_inventory_is_of_the_form_terraform_hands_over(pair: Fleet) -> None:
    everything = json.loads(pair.inventory.read_text())["all"]
    assert set(everything["vars"]) == {"ansible_user", "cluster_name", "subnet_range"}
    assert set(everything["children"]) == {"k3s_server", "k3s_agent", "pool_control_plane", "pool_workers"}
    worker = everything["children"]["pool_workers"]["hosts"]["kvx-workers-1"]
    assert worker["private_ip"] == pair.hosts[1].private_ip
    assert worker["node_labels"] == {"kvx/pool": "workers"}


def test_a_host_that_lost_its_power_keeps_what_was_on_its_disk(pair: Fleet) -> None:
    _says(pair, 2, "echo kept > /root/note; sync")
    power.kill(pair.hosts[1])
    assert not power.is_on(pair.hosts[1])
    power.start(pair.hosts[1])
    power.await_login(pair, pair.hosts[1])
    assert _says(pair, 2, "cat /root/note") == "kept"


def test_a_host_reboots_by_itself(pair: Fleet) -> None:
    before = power.first_process(pair.hosts[0])
    power.ssh(pair, pair.hosts[0], "systemctl reboot")
    end = time.monotonic() + REBOOT_SECONDS
    while power.first_process(pair.hosts[0]) in {before, None}:  # it lets people in until it goes down
        assert time.monotonic() < end
        time.sleep(0.1)
    power.await_login(pair, pair.hosts[0])


def test_three_of_five_hosts_are_servers() -> None:
    nodes = [host.node for host in planned(0, 5, "amd64").hosts]
    assert nodes == ["control-plane-1", "control-plane-2", "control-plane-3", "workers-1", "workers-2"]


def _left() -> dict[str, list[str]]:
    links = json.loads(subprocess.run(["ip", "-j", "link"], capture_output=True, check=True).stdout)
    number = f"hosts{FLEET + 1}"
    return {
        "links": sorted(link["ifname"] for link in links if str(FLEET + 1) in link["ifname"]),
        "mounts": [line for line in _lines("/proc/self/mounts") if f"fleet{FLEET + 1}" in line],
        "groups": [str(g) for each in control_groups.hierarchies() for g in each.glob(f"kvx-{number}*")],
    }


def _settings() -> dict[str, object]:
    return {
        "panic": Path("/proc/sys/kernel/panic").read_text(),
        "huge pages": Path("/sys/kernel/mm/transparent_hugepage/enabled").read_text(),
        "compressed disks": sorted(path.name for path in Path("/sys/block").glob("zram*")),
    }


def _lines(path: str) -> list[str]:
    return Path(path).read_text().splitlines()

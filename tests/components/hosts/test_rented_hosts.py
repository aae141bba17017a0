"""Hosts that a simulated Hetzner rents out: made by one JSON document each, and gone without a trace."""

import json
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from rented_hosts import keeping, register
from systemd_hosts import control_groups

pytestmark = [pytest.mark.needs("rented-hosts"), pytest.mark.timeout(600)]

PROGRAM = Path(__file__).with_name("machines")
NETWORK, FIRST, SECOND = 101, 102, 103
# What terraform/cloud-init.yaml.tftpl sends to every machine, and a note of our own.
USER_DATA = """#cloud-config
ssh_deletekeys: true
ssh_keys:
  ed25519_private: |
    {private}
  ed25519_public: {public}
write_files:
  - path: /etc/note
    content: written
runcmd:
  - [cp, /etc/note, /root/note]
"""


@dataclass(slots=True)
class Rented:
    """A public machine and one with a private address alone, of a rehearsal in a folder of its own."""

    owner: Path
    keys: Path
    public_network: str = ""
    machines: dict[int, dict[str, Any]] = field(default_factory=dict)

    def ask(self, verb: str, content: object = None, code: int = 0) -> Any:
        said = subprocess.run(
            [PROGRAM, "--owner", self.owner, verb],
            input="" if content is None else json.dumps(content),
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert said.returncode == code, said.stdout + said.stderr
        return json.loads(said.stdout)

    def put(self, number: int, **changes: object) -> None:
        self.machines[number] |= changes
        self.ask("put", self.machines[number])

    def address(self, last: int) -> str:
        return f"{self.public_network.rpartition('.')[0]}.{last}"

    def ssh(self, command: str, address: str | None = None) -> "subprocess.CompletedProcess[str]":
        """As root on the public machine, with the one host key that is expected of it."""
        shown = address or self.machines[FIRST]["public_ip"]
        known = self.keys / "known"
        known.write_text(f"{shown} {public_key(self.keys / 'host')}\n")
        options = [f"UserKnownHostsFile={known}", "BatchMode=yes", "ConnectTimeout=30"]
        options.append("StrictHostKeyChecking=yes")
        flags = [part for option in options for part in ("-o", option)]
        line = ["ssh", "-i", str(self.keys / "mine"), *flags, f"root@{shown}", command]
        return subprocess.run(line, capture_output=True, text=True, timeout=60, check=False)

    def says(self, command: str) -> str:
        done = self.ssh(command)
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()


def public_key(private: Path) -> str:
    return " ".join(private.with_suffix(".pub").read_text().split()[:2])


def machine(number: int, name: str, keys: Path, public_ip: str | None, private_ip: str) -> dict[str, Any]:
    inner = {
        "id": NETWORK,
        "ip": private_ip,
        "alias_ips": [],
        "ip_range": "10.55.0.0/16",
        "router": "10.55.0.1",
    }
    private = (keys / "host").read_text().strip().replace("\n", "\n    ")
    return {
        "id": number,
        "name": name,
        "architecture": "x86",
        "image": "debian-12",
        "on": True,
        "restarts": 0,
        "made_anew": 0,
        "public_ip": public_ip,
        "networks": [inner | {"routes": []}],
        "ssh_keys": [public_key(keys / "mine")],
        "user_data": USER_DATA.format(private=private, public=public_key(keys / "host")),
    }


def until(condition: Callable[[], bool], seconds: float = 120) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(0.2)


@pytest.fixture(scope="module")
def rented(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rented]:
    folder = tmp_path_factory.mktemp("rented")
    for name in ("mine", "host"):
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", folder / name], check=True)
    here = Rented(folder / "owner", folder)
    here.owner.mkdir()
    here.public_network = here.ask("about")["public_network"]
    here.machines = {
        FIRST: machine(FIRST, "one", folder, here.address(7), "10.55.0.2"),
        SECOND: machine(SECOND, "two", folder, None, "10.55.0.3"),
    }
    try:
        for number in here.machines:
            here.put(number)
        until(lambda: here.ssh("true").returncode == 0)
        yield here
    finally:
        here.ask("clear")


def test_cloud_init_does_what_the_user_data_says(rented: Rented) -> None:
    """The right host key has been shown already: no other is known."""
    assert rented.says("cloud-init status --wait").endswith("status: done")
    assert rented.says("cat /root/note") == "written"
    assert rented.says("hostname; ls /etc/ssh/*_key") == "one\n/etc/ssh/ssh_host_ed25519_key"


def test_traffic_between_private_addresses_passes_the_router(rented: Rented) -> None:
    assert "via 10.55.0.1 dev enp7s0" in rented.says("ip route get 10.55.0.3")
    until(lambda: rented.ssh("timeout 2 bash -c '</dev/tcp/10.55.0.3/22'").returncode == 0)


def test_a_private_machine_gets_out_as_long_as_the_network_has_a_route(rented: Rented) -> None:
    """Through the router to the first machine, which passes it on."""
    fleet = _tenancy(rented).fleet
    first, second = (f"kvx-host{fleet}-{number}" for number in (FIRST, SECOND))
    translation = "type nat hook postrouting priority srcnat; ip saddr 10.55.0.0/16 masquerade;"
    rented.says("sysctl -qw net.ipv4.ip_forward=1")
    subprocess.run(
        ["ip", "netns", "exec", first, "nft", f"table ip t {{ chain c {{ {translation} }}; }}"], check=True
    )
    subprocess.run(["ip", "-n", second, "route", "replace", "default", "via", "10.55.0.1"], check=True)
    networks = rented.machines[SECOND]["networks"]
    assert not _reaches(second, _tenancy(rented).gateway, seconds=3)
    rented.put(
        SECOND, networks=[{**networks[0], "routes": [{"destination": "0.0.0.0/0", "gateway": "10.55.0.2"}]}]
    )
    assert _reaches(second, _tenancy(rented).gateway)
    rented.put(SECOND, networks=networks)
    assert not _reaches(second, _tenancy(rented).gateway, seconds=3)


def _reaches(namespace: str, address: str, seconds: int = 30) -> bool:
    """Whether something there answers, if only that nobody listens."""
    knock = ["timeout", str(seconds), "bash", "-c", f"</dev/tcp/{address}/22"]
    command = ["ip", "netns", "exec", namespace, "env", "LC_ALL=C", *knock]
    done = subprocess.run(command, capture_output=True, check=False)
    return done.returncode == 0 or b"refused" in done.stderr


def test_a_machine_takes_another_address_while_it_runs(rented: Rented) -> None:
    before = rented.says("cat /proc/sys/kernel/random/boot_id")
    rented.put(FIRST, public_ip=rented.address(8))
    assert rented.says("cat /proc/sys/kernel/random/boot_id") == before
    assert rented.ssh("true", rented.address(7)).returncode == 255


def test_a_machine_is_shut_down_in_order_and_keeps_its_disk(rented: Rented) -> None:
    rented.says("echo kept > /root/kept")
    rented.put(FIRST, on=False)
    assert {each["id"]: each["on"] for each in rented.ask("list")["machines"]} == {FIRST: False, SECOND: True}
    rented.put(FIRST, on=True)
    until(lambda: rented.ssh("true").returncode == 0)
    assert rented.says("cat /root/kept") == "kept"


def test_what_no_host_can_be_is_refused_in_words(rented: Rented) -> None:
    wish = rented.machines[FIRST] | {"id": 999}
    assert "hosts are debian-12 only" in rented.ask("put", wish | {"image": "fedora-42"}, 1)["error"]
    assert "is not in" in rented.ask("put", wish | {"public_ip": "192.0.2.250"}, 1)["error"]
    assert {each["id"] for each in rented.ask("list")["machines"]} == {FIRST, SECOND}


def test_nothing_is_left_of_a_rehearsal_whose_folder_is_gone(rented: Rented, tmp_path: Path) -> None:
    fleet = _tenancy(rented).fleet
    assert all(_left(fleet).values())
    moved = tmp_path / "moved"
    shutil.move(rented.owner, moved)
    Rented(tmp_path, rented.keys).ask("about")
    assert not any(_left(fleet).values())
    shutil.move(moved, rented.owner)


def _tenancy(rented: Rented) -> register.Tenancy:
    found = register.tenancy_of(rented.owner)
    assert found is not None
    assert {each["id"] for each in keeping.standing(found)} >= {FIRST, SECOND}
    return found


def _left(fleet: int) -> dict[str, list[str]]:
    links = json.loads(subprocess.run(["ip", "-j", "link"], capture_output=True, check=True).stdout)
    tables = subprocess.run(["nft", "list", "tables"], capture_output=True, text=True, check=True).stdout
    return {
        "links": [link["ifname"] for link in links if link["ifname"].startswith(f"kvx{fleet}")],
        "tables": [line for line in tables.splitlines() if f"kvx{fleet}" in line],
        "namespaces": [path.name for path in Path("/run/netns").glob(f"kvx-*{fleet}-*")],
        "mounts": [
            line for line in Path("/proc/self/mounts").read_text().splitlines() if f"fleet{fleet}/" in line
        ],
        "groups": [str(g) for each in control_groups.hierarchies() for g in each.glob(f"kvx-hosts{fleet}")],
    }

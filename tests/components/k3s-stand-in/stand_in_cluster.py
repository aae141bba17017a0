"""A cluster of the stand-in, put on hosts by plain SSH as k3s's own installer would, without our roles."""

import json
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from systemd_hosts import power
from systemd_hosts.fleet import Fleet, Host

BUILD = Path(__file__).with_name("build")
WITH_CONTAINERS = Path(__file__).with_name("with_containers")
VERSIONS = ("v1.34.2+k3s1", "v1.34.3+k3s1")
TOKEN = "only-for-tests"
WAIT_SECONDS = 240.0
PAUSE_SECONDS = 0.5
DATABASE = "/var/lib/rancher/k3s/server/db/etcd"
UNIT = """[Unit]
After=network-online.target
[Service]
Type=notify
KillMode=process
Delegate=yes
TasksMax=infinity
TimeoutStartSec=0
Restart=always
RestartSec=5s
ExecStart=/usr/local/bin/k3s {kind}
[Install]
WantedBy=multi-user.target
"""


@cache
def _folder(build: Path) -> Path:
    printed = subprocess.run([build, "--where"], check=True, capture_output=True, text=True, timeout=60)
    return Path(printed.stdout.strip())


def release(version: str) -> Path:
    """The folder with `k3s` and its checksums, as a release of that version has them."""
    return _folder(BUILD) / version


def with_containers() -> Path:
    """The same of the first version, whose nodes run their pods."""
    return _folder(WITH_CONTAINERS) / VERSIONS[0]


@dataclass(frozen=True, slots=True)
class Cluster:
    """Hosts with k3s on them."""

    fleet: Fleet

    @property
    def first(self) -> Host:
        return self.fleet.servers[0]

    def run(self, host: Host, command: str, seconds: float = WAIT_SECONDS) -> str:
        """What the command printed there; AssertionError with its complaint where it failed."""
        done = self.attempt(host, command, seconds)
        assert done.returncode == 0, f"{host.name}: {command}: {done.stdout}{done.stderr}"
        return done.stdout

    def attempt(
        self, host: Host, command: str, seconds: float = WAIT_SECONDS
    ) -> subprocess.CompletedProcess[str]:
        return power.ssh(self.fleet, host, command, seconds=seconds)

    def write(self, host: Host, path: str, content: str) -> None:
        place = host.root / path.lstrip("/")
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(content)

    def install(self, host: Host, program: Path) -> None:
        """Sends the program by SSH and puts it in the place of the old."""
        to = f"root@{host.public_ip}:/usr/local/bin/k3s.new"
        scp = ["scp", "-q", *power.ssh_command(self.fleet, host)[1:-1], str(program), to]
        subprocess.run(scp, check=True, timeout=WAIT_SECONDS)
        self.run(host, "cd /usr/local/bin; mv k3s.new k3s; ln -sf k3s kubectl")

    def configure(self, host: Host, kind: str, settings: Mapping[str, object]) -> None:
        common: dict[str, object] = {"token": TOKEN, "node-ip": host.private_ip}
        common["node-label"] = [f"kvx/pool={host.pool}"]
        self.write(host, "/etc/rancher/k3s/config.yaml", json.dumps({**common, **settings}))
        self.write(host, "/etc/systemd/system/k3s.service", UNIT.format(kind=kind))
        self.run(host, "systemctl daemon-reload; systemctl enable -q k3s")

    def start(self, host: Host) -> None:
        self.run(host, "systemctl start k3s", seconds=2 * WAIT_SECONDS)

    def kubectl(self, words: str, on: Host | None = None) -> str:
        return self.run(on or self.first, f"kubectl --request-timeout=10s {words}")

    def nodes(self) -> dict[str, dict[str, str]]:
        """For each node its conditions, and its version under "version"."""
        items = json.loads(self.kubectl("get nodes -o json"))["items"]
        return {
            item["metadata"]["name"]: {
                **{each["type"]: each["status"] for each in item["status"].get("conditions", [])},
                "version": item["status"].get("nodeInfo", {}).get("kubeletVersion", ""),
            }
            for item in items
        }

    def ready(self, hosts: Sequence[Host]) -> bool:
        nodes = self.nodes()
        return all(nodes.get(host.name, {}).get("Ready") == "True" for host in hosts)

    def voters(self, on: Host | None = None) -> set[str]:
        """The private addresses of the members of etcd that vote."""
        tls = "/var/lib/rancher/k3s/server/tls/etcd"
        keys = f"--cacert={tls}/server-ca.crt --cert={tls}/client.crt --key={tls}/client.key"
        listed = self.run(on or self.first, f"k3s etcdctl {keys} member list -w json")
        members = [each for each in json.loads(listed)["members"] if not each.get("isLearner")]
        return {url.split("/")[2].split(":")[0] for each in members for url in each["peerURLs"]}


def within(seconds: float, what: str, holds: Callable[[], bool]) -> float:
    """How long it took until it held; AssertionError where it did not in time.

    A command that fails meanwhile says only that it does not hold yet.
    """
    began = time.monotonic()
    while (failed := _failed(holds)) is not None:
        assert time.monotonic() - began < seconds, f"not within {seconds:.0f} s: {what} {failed}"
        time.sleep(PAUSE_SECONDS)
    return time.monotonic() - began


def _failed(holds: Callable[[], bool]) -> str | None:
    """What stood in its way; None where it holds."""
    try:
        return None if holds() else ""
    except AssertionError as error:
        return f"({error})"


def bring_up(fleet: Fleet, program: Path) -> Cluster:
    """The first server begins, the others and the agents join it."""
    cluster = Cluster(fleet)
    for host in fleet.hosts:
        cluster.install(host, program)
    first, *others = fleet.servers
    join = {"server": f"https://{first.private_ip}:6443"}
    cluster.configure(first, "server", {"cluster-init": True, "secrets-encryption": True})
    for host in others:
        cluster.configure(host, "server", {**join, "secrets-encryption": True})
    for host in fleet.agents:
        cluster.configure(host, "agent", join)
    for host in fleet.hosts:
        cluster.start(host)
    within(WAIT_SECONDS, "all nodes are ready", lambda: cluster.ready(fleet.hosts))
    return cluster

"""Nodes that take images: real containerd and SSH servers on addresses of this machine, as k3s has them.

`k3s ctr` is Debian's ctr on containerd's usual socket; nothing else of k3s is there.
"""

import os
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path

BUILD = Path(__file__).with_name("build")
NODE = Path(__file__).with_name("node")
START_SECONDS = 120.0
CONTAINERD = """version = 2
root = "/var/lib/containerd"
state = "/run/containerd"
disabled_plugins = ["io.containerd.grpc.v1.cri"]
[grpc]
  address = "/run/containerd/containerd.sock"
"""
SSHD = """ListenAddress {address}:22
HostKey {folder}/host_key
AuthorizedKeysFile {key}.pub
StrictModes no
UsePAM no
PidFile none
PermitRootLogin yes
PasswordAuthentication no
MaxStartups 100
SetEnv PATH={folder}/bin:/usr/bin:/bin:/usr/sbin:/sbin
"""
K3S = """#!/bin/sh
[ "$1" = ctr ] || exit 2
shift
exec {root}/usr/bin/ctr --namespace k8s.io "$@"
"""
INVENTORY = """all:
  vars: {{cluster_name: tests, ansible_user: root}}
  children:
    k3s_server:
      hosts:
{servers}
    k3s_agent:
      hosts:
{agents}
"""


@dataclass(frozen=True, slots=True)
class ContainerHost:
    """One node; `folder` has its logs."""

    name: str
    address: str
    folder: Path
    key: Path

    def run(self, script: str) -> str:
        """What a script prints there; it must not fail."""
        done = self.tried(script)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def send(self, content: bytes, path: str) -> None:
        """Put a file there."""
        draft = self.folder / "draft"
        draft.write_bytes(content)  # the file systems beside /run and /var/lib are the machine's
        self.run(f"mkdir -p $(dirname {path}) && cp {draft} {path}")

    def tried(self, script: str) -> "subprocess.CompletedProcess[str]":
        """What came of a script."""
        known = f"UserKnownHostsFile={self.folder / 'known'}"
        argv = ["ssh", "-F", "none", "-i", self.key, "-o", known, f"root@{self.address}", script]
        return subprocess.run(argv, capture_output=True, text=True, timeout=120, check=False)


@cache
def root() -> Path:
    """The folder that `build` makes, or would."""
    told = subprocess.run([BUILD, "--where"], check=True, capture_output=True, text=True)
    return Path(told.stdout.strip())


def missing(name: str = "container-hosts") -> str | None:
    """Why they cannot stand here, None if they can. For COMPONENTS of tests/conftest.py."""
    if os.geteuid() != 0:
        return f"only root may start {name} here"
    return None if (root() / "usr/bin/ctr").is_file() else f"{name} are not there yet; run {BUILD}"


@contextmanager
def started(folder: Path, count: int) -> Iterator[tuple[ContainerHost, ...]]:
    """So many nodes until the end, the first of them a server; 127.0.PROCESS.NUMBER is where they are."""
    key = folder / "key"
    _make_key(key)
    hosts, running = [], []
    try:
        for number in range(1, count + 1):
            address = f"127.{100 + os.getpid() // 256 % 100}.{os.getpid() % 256}.{number}"
            host = ContainerHost(f"node-{number}", address, folder / f"node-{number}", key)
            running.append(_start(host))
            hosts.append(host)
        for host, process in zip(hosts, running, strict=True):
            _wait(host, process)
        yield tuple(hosts)
    finally:
        for process in running:
            process.kill()
            process.wait(30)


def hand_over(folder: Path, hosts: tuple[ContainerHost, ...], **jump_hosts: str) -> Path:
    """A target's folder as provision leaves it: inventory, known hosts and the key. It is `folder`."""
    (folder / "ssh").mkdir(parents=True)
    for ending in ("", ".pub"):
        (folder / "ssh" / f"id_ed25519{ending}").symlink_to(f"{hosts[0].key}{ending}")
    known = [f"{host.address} {(host.folder / 'host_key.pub').read_text().strip()}" for host in hosts]
    (folder / "known_hosts").write_text("\n".join(known) + "\n")
    rows = [_row(host, jump_hosts) for host in hosts]
    servers, agents = rows[:1], rows[1:]
    (folder / "inventory.yaml").write_text(
        INVENTORY.format(servers="\n".join(servers), agents="\n".join(agents))
    )
    return folder


def _row(host: ContainerHost, jump_hosts: Mapping[str, str]) -> str:
    jump = jump_hosts.get(host.name.replace("-", "_"))
    more = f", jump_host: {jump}" if jump else ""
    return f"        {host.name}: {{ansible_host: {host.address}{more}}}"


def _start(host: ContainerHost) -> "subprocess.Popen[bytes]":
    (host.folder / "bin").mkdir(parents=True)
    _make_key(host.folder / "host_key")
    public = (host.folder / "host_key.pub").read_text()
    (host.folder / "known").write_text(f"{host.address} {public}")
    passwd = Path("/etc/passwd").read_text()
    (host.folder / "passwd").write_text(f"{passwd}sshd:x:991:65534::/run/sshd:/usr/sbin/nologin\n")
    (host.folder / "containerd.toml").write_text(CONTAINERD)
    (host.folder / "sshd_config").write_text(
        SSHD.format(address=host.address, folder=host.folder, key=host.key)
    )
    program = host.folder / "bin" / "k3s"
    program.write_text(K3S.format(root=root()))
    program.chmod(0o755)
    alone = ("unshare", "--mount", "--propagation", "private", "--pid", "--fork", "--kill-child")
    with (host.folder / "log").open("wb") as log:
        argv = (*alone, "--mount-proc", NODE, host.folder, root())
        return subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=log, stderr=log)


def _wait(host: ContainerHost, process: "subprocess.Popen[bytes]") -> None:
    """Until it can be logged in to, and containerd answers there."""
    end = time.monotonic() + START_SECONDS
    while host.tried("k3s ctr version").returncode != 0:
        assert process.poll() is None, (host.folder / "log").read_text()
        assert time.monotonic() < end, (host.folder / "log").read_text()
        time.sleep(0.1)


def _make_key(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    subprocess.run(
        ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", path],
        check=True,
        capture_output=True,
        timeout=60,
    )

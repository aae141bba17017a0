"""A cluster of our roles on test hosts, and what is done to it: played, killed in the middle, asked."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml
from stand_in_cluster import VERSIONS, release
from systemd_hosts import power
from systemd_hosts.fleet import Fleet, Host

from kvx.drivers.ansible import Play, Played, play
from kvx.world import real_world

ANSIBLE = Path(__file__).parents[2] / "ansible"
PROGRAM = Path(__file__).with_name("play_it.py")
FIRST, SECOND = VERSIONS
PLAY_SECONDS = 1500.0
LONGEST_COMMAND_SECONDS = 1200
VOLUME = "/dev/disk/by-id/scsi-0HC_Volume_7"
KUBECTL = "/usr/local/bin/k3s kubectl --request-timeout=20s"


@dataclass
class Drill:
    """Three servers and two agents, and the folder that provision would have handed over for them."""

    fleet: Fleet
    folder: Path
    version: str = FIRST
    settings: dict[str, Any] = field(default_factory=dict)
    said: list[str] = field(default_factory=list)

    @property
    def key(self) -> Path:
        return self.fleet.key

    @property
    def inventory(self) -> Path:
        return self.folder / "inventory.yaml"

    def variables(self, **more: Any) -> dict[str, Any]:
        return {
            "ansible_ssh_private_key_file": str(self.key),
            "k3s_version": self.version,
            "k3s_files_folder": str(release(more.get("k3s_version", self.version))),
            **self.settings,
            **more,
        }

    def give_volume(self, host: Host, device: Path) -> None:
        """Before the first playbook: as Hetzner attaches it, and as Terraform tells of it."""
        number = device.stat().st_rdev
        made = power.ssh(
            self.fleet,
            host,
            f"mkdir -p {Path(VOLUME).parent} && mknod {VOLUME} b {os.major(number)} {os.minor(number)}",
        )
        assert made.returncode == 0, made.stderr
        inventory = json.loads(self.inventory.read_text())
        inventory["all"]["children"]["pool_workers"]["hosts"][host.name]["volume_device"] = VOLUME
        self.inventory.write_text(json.dumps(inventory))

    def play(self, name: str, *, check: bool = False, on: Sequence[Host] = (), **variables: Any) -> Played:
        """The playbook to its end, on some hosts or on all; KvxError as kvx would say it."""
        wanted = Play(
            ANSIBLE / name,
            self.folder,
            self.variables(**variables),
            limit=tuple(host.name for host in on),
            check=check,
            deadline_seconds=PLAY_SECONDS,
        )
        begin = time.monotonic()
        try:
            return play(wanted, real_world(self.said.append))
        finally:
            print(f"{name}{' --check' if check else ''}: {time.monotonic() - begin:.0f} s")

    def kill_in_the_middle(self, name: str, when: str, **variables: Any) -> None:
        """Begins it in a process of its own, which is killed the moment it says `when`."""
        command = [sys.executable, str(PROGRAM), str(ANSIBLE / name), str(self.folder)]
        process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(json.dumps(self.variables(**variables)))
        process.stdin.close()
        heard = []
        for line in process.stdout:
            heard.append(line)
            if when in line:
                process.kill()
                break
        process.stdout.close()
        code = process.wait(60)
        assert code == -9, "".join(heard)[-2000:]

    def kvx(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """kvx as a program, in the folder of which kvx.toml says what site.yml was told."""
        top = self.folder.parents[1]
        (top / "variables.yaml").write_text(yaml.safe_dump(self.settings))
        told = {
            "k3s_version": self.version,
            "k3s_folder": release(self.version),
            "variables": "variables.yaml",
        }
        (top / "kvx.toml").write_text("\n".join(["[nodes]", *(f'{name} = "{told[name]}"' for name in told)]))
        begin = time.monotonic()
        ended = subprocess.run(
            [sys.executable, "-c", "from kvx.main import run; run()", *arguments],
            cwd=top,
            env={key: value for key, value in os.environ.items() if not key.startswith(("KVX_", "HCLOUD_"))},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=LONGEST_COMMAND_SECONDS,
            check=False,
        )
        seconds = time.monotonic() - begin
        print(f"kvx {' '.join(arguments)}: {seconds:.0f} s\n{ended.stdout}{ended.stderr}")
        return ended

    def listed(self) -> dict[str, dict[str, Any]]:
        """The nodes as `kvx nodes list` tells them, by name."""
        ended = self.kvx("nodes", "list", "--json")
        assert ended.returncode == 0, ended.stderr
        return {node["name"]: node for node in json.loads(ended.stdout)["nodes"]}

    def ssh(self, host: Host, command: str, *options: str) -> subprocess.CompletedProcess[str]:
        known = self.folder / "known_hosts.d" / host.public_ip
        argv = [
            *("ssh", "-F", "none", "-i", str(self.key), "-o", f"UserKnownHostsFile={known}"),
            *("-o", "BatchMode=yes", "-o", "ConnectTimeout=10", *options, f"root@{host.public_ip}", command),
        ]
        return subprocess.run(argv, capture_output=True, text=True, timeout=300, check=False)

    def run(self, host: Host, command: str) -> str:
        done = self.ssh(host, command)
        assert done.returncode == 0, f"{host.name}: {command}: {done.stderr}"
        return done.stdout.strip()

    def await_login(self, host: Host, seconds: float = 300) -> None:
        end = time.monotonic() + seconds
        while self.ssh(host, "true").returncode != 0:
            assert time.monotonic() < end, f"{host.name} does not answer"
            time.sleep(0.5)

    def kubectl(self, words: str) -> str:
        return self.run(self.fleet.servers[0], f"{KUBECTL} {words}")

    def have_idle_pods(self) -> None:
        """Four pods on the agents, which the admission settings let in; they do nothing."""
        text = Path(__file__).with_name("idle.json").read_text()
        self.kubectl(f"apply -f - <<'END'\n{text}\nEND")
        self.kubectl("rollout status deployment idle --timeout=240s")

    def nodes(self) -> dict[str, Mapping[str, Any]]:
        return {
            item["metadata"]["name"]: item for item in json.loads(self.kubectl("get nodes -o json"))["items"]
        }

    def versions(self) -> set[str]:
        return {str(node["status"]["nodeInfo"]["kubeletVersion"]) for node in self.nodes().values()}

    def homes_of(self, application: str) -> set[str]:
        """The nodes on which its pods are, those that end left out."""
        pods = json.loads(self.kubectl(f"get pods -l app={application} -o json"))["items"]
        return {pod["spec"].get("nodeName", "") for pod in pods if "deletionTimestamp" not in pod["metadata"]}

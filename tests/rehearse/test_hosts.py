"""A rehearsal on real hosts: from kvx.toml to a Kubernetes that answers, and back to nothing."""

import base64
import fcntl
import json
import os
import ssl
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
import yaml

HOSTS = Path(__file__).parents[1] / "components" / "hosts"
STAND_IN = HOSTS.with_name("k3s-stand-in") / "build"
SECONDS = 1500
IN_USE = "in-use"
SETTINGS = """\
[hetzner]
cluster = "stage"
workers = 1
"""
NODES = ["stage-control-plane-1", "stage-workers-1"]
PHASES = ("provision", "configure", "images", "manifests", "verify")
BUILT_FROM_CHANGES = {"KVX_IMAGES_ALLOW_DIRTY": "true"}

needs_hosts = pytest.mark.needs("terraform", "hcloud-provider", "rented-hosts", "k3s-stand-in")


@pytest.fixture
def rehearsed(kvx: Any) -> Iterator[Any]:
    """kvx with two machines; its hosts are taken away whatever comes, and so are those of a killed run."""
    (kvx.folder / "kvx.toml").write_text(SETTINGS)
    take_away_what_nobody_uses(kvx)
    with (kvx.folder / IN_USE).open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield kvx
        take_away(kvx, kvx.folder)


def take_away(kvx: Any, folder: Path) -> None:
    kvx("rehearse", "stop", "--folder", str(folder))
    owner = folder / ".kvx-rehearsal"
    subprocess.run([HOSTS / "machines", "--owner", owner, "clear"], timeout=170, check=False)


def take_away_what_nobody_uses(kvx: Any) -> None:
    """Rehearsals of tests whose run holds its lock no more."""
    for path in Path("/var/lib/kvx-hosts").glob("fleet*/tenancy.json"):
        folder = Path(json.loads(path.read_text())["owner"]).parent
        if (folder / IN_USE).is_file():
            with (folder / IN_USE).open("w") as file, suppress(BlockingIOError):
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                take_away(kvx, folder)


def handed_over(kvx: Any) -> Path:
    folder: Path = kvx.folder / ".kvx-rehearsal/.kvx/hetzner"
    return folder


def nodes_of(kubeconfig: Path) -> dict[str, bool]:
    """What the API server says when it is asked with the kubeconfig: each node, and whether it is ready."""
    known = yaml.safe_load(kubeconfig.read_text())
    user, cluster = known["users"][0]["user"], known["clusters"][0]["cluster"]
    pem = kubeconfig.with_name("client.pem")
    parts = (user["client-certificate-data"], user["client-key-data"])
    pem.write_bytes(b"".join(base64.b64decode(part) for part in parts))
    trusted = base64.b64decode(cluster["certificate-authority-data"]).decode()
    context = ssl.create_default_context(cadata=trusted)
    context.load_cert_chain(pem)
    pem.unlink()
    with urllib.request.urlopen(f"{cluster['server']}/api/v1/nodes", context=context, timeout=60) as answer:
        items = json.load(answer)["items"]
    return {
        item["metadata"]["name"]: any(
            each["type"] == "Ready" and each["status"] == "True" for each in item["status"]["conditions"]
        )
        for item in items
    }


def pods_of(kubeconfig: Path) -> dict[str, dict[str, Any]]:
    """The status of each pod of the voice API, by the node it is on."""
    words = ["kubectl", f"--kubeconfig={kubeconfig}", "get", "pods", "-n", "kvx", "-o", "json"]
    found = subprocess.run(words, check=True, capture_output=True, text=True, timeout=60).stdout
    return {each["spec"]["nodeName"]: each["status"] for each in json.loads(found)["items"]}


def fleets_of(kvx: Any) -> list[str]:
    """The numbers under which hosts of this rehearsal stand."""
    tenancies = Path("/var/lib/kvx-hosts").glob("fleet*/tenancy.json")
    mine = [path for path in tenancies if json.loads(path.read_text())["owner"].startswith(str(kvx.folder))]
    return [path.parent.name.removeprefix("fleet") for path in mine]


def left_of(fleet: str) -> list[str]:
    """Mounts, interfaces, namespaces and control groups of hosts of that number."""
    mounts = Path("/proc/self/mounts").read_text().splitlines()
    return [
        *(line for line in mounts if f"/var/lib/kvx-hosts/fleet{fleet}/" in line),
        *(str(path) for path in Path("/sys/class/net").glob(f"kvx*{fleet}-*")),
        *(str(path) for path in Path("/run/netns").glob(f"kvx-*{fleet}-*")),
        *(str(path) for path in Path("/sys/fs/cgroup").glob(f"*/kvx-hosts{fleet}")),
        *(str(path) for path in Path("/var/lib/kvx-hosts").glob(f"fleet{fleet}")),
    ]


@pytest.mark.needs(
    "terraform", "hcloud-provider", "rented-hosts", "k3s-with-containers", "images", "git", "kubectl"
)
@pytest.mark.timeout(2 * SECONDS)
def test_a_rehearsal_goes_from_nothing_to_a_spoken_question_and_leaves_nothing(rehearsed: Any) -> None:
    """The second time all that stands is found so, and taken away, for nobody keeps it."""
    made = rehearsed("rehearse", "deploy", "--hosts", "--keep", timeout=SECONDS, **BUILT_FROM_CHANGES)
    assert made.returncode == 0, made.stderr[-4000:]
    assert "containerd and runc; CoreDNS, metrics-server.\n" in made.stderr
    assert "Stands in: a simulated Hetzner; amd64 for every type; k3s' own program" in made.stderr
    assert "answer" in made.stdout
    assert all(f"\n  {phase} " in made.stderr.partition("Time line")[2] for phase in PHASES), made.stderr[
        -4000:
    ]
    assert rehearsed.names("server") == NODES
    kubeconfig = handed_over(rehearsed) / "kubeconfig"
    assert nodes_of(kubeconfig) == dict.fromkeys(NODES, True)
    pods = pods_of(kubeconfig)
    assert sorted(pods) == NODES
    for status in pods.values():
        (container,) = status["containerStatuses"]
        assert container["ready"]
        assert container["containerID"].startswith("containerd://")

    verified = rehearsed("rehearse", "verify", timeout=300)
    assert verified.returncode == 0, verified.stdout + verified.stderr
    assert "\npass       service " in verified.stdout

    (fleet,) = fleets_of(rehearsed)
    assert left_of(fleet), "this is how it is seen"
    again = rehearsed("rehearse", "deploy", timeout=SECONDS, **BUILT_FROM_CHANGES)
    assert again.returncode == 0, again.stderr[-4000:]
    assert again.stdout.startswith("Nothing had to be changed.\n")
    assert "tasks changed it" not in again.stderr, again.stderr[-4000:]
    assert "Its hosts are gone, and this machine's settings are as they were." in again.stderr
    assert left_of(fleet) == []
    assert fleets_of(rehearsed) == []
    assert rehearsed("rehearse", "status").returncode == 3


@needs_hosts
@pytest.mark.timeout(600)
def test_what_stands_is_gone_on_with_after_a_stop_and_keeps_what_is_behind_it(rehearsed: Any) -> None:
    made = rehearsed("rehearse", "deploy", "--to", "provision", timeout=300)
    assert made.returncode == 0, made.stderr
    other = rehearsed("rehearse", "deploy", "--no-hosts")
    assert other.returncode == 4
    assert other.stderr.splitlines()[-1] == "fix: kvx rehearse cleanup, then the same command"

    assert rehearsed("rehearse", "stop").returncode == 0
    assert _standing(rehearsed) == [False, False]
    assert rehearsed("rehearse", "drift").returncode == 0
    assert rehearsed("rehearse", "deploy", "--to", "provision", timeout=300).returncode == 0
    assert _standing(rehearsed) == [True, True]
    ended = rehearsed("rehearse", "cleanup")
    assert ended.returncode == 0, ended.stderr
    assert left_of(rehearsed) == []


@needs_hosts
@pytest.mark.timeout(600)
def test_private_nodes_are_reached_and_get_out_through_the_gateway(rehearsed: Any) -> None:
    (rehearsed.folder / "kvx.toml").write_text(f"{SETTINGS}private_only = true\n")
    made = rehearsed("rehearse", "deploy", "--hosts", "--to", "provision", timeout=300)
    assert made.returncode == 0, made.stderr
    groups = yaml.safe_load((handed_over(rehearsed) / "inventory.yaml").read_text())["all"]["children"]
    worker = groups["pool_workers"]["hosts"]["stage-workers-1"]
    gateway = f"root@{worker['jump_host']}"
    _ran([*_ssh(rehearsed), gateway], "cloud-init status --wait")  # it translates addresses from then on
    way_in = " ".join([*_ssh(rehearsed), "-W", "%h:%p", gateway])
    through = [*_ssh(rehearsed), "-o", f"ProxyCommand={way_in}", f"root@{worker['ansible_host']}"]
    assert "default via 10.0.0.1 dev enp7s0" in _ran(through, "cloud-init status --wait; ip route")
    out = f"LC_ALL=C timeout 20 bash -c '</dev/tcp/{_seen_as(rehearsed)}/22' 2>&1 || [ $? = 1 ]"
    answered = _ran(through, out)  # nobody listens, or somebody does: it came as far as here
    assert answered == "" or "refused" in answered


def _ssh(kvx: Any) -> list[str]:
    folder = handed_over(kvx)
    options = ("BatchMode=yes", "StrictHostKeyChecking=yes", "ConnectTimeout=5")
    known = ("-o", f"UserKnownHostsFile={folder}/known_hosts")
    settings = [part for option in options for part in ("-o", option)]
    return ["ssh", "-i", f"{folder}/ssh/id_ed25519", *known, *settings]


def _ran(command: list[str], words: str) -> str:
    """What it printed, once the machine lets us in."""
    end = time.monotonic() + 200
    while True:
        done = subprocess.run([*command, words], capture_output=True, text=True, timeout=200, check=False)
        if done.returncode != 255:
            assert done.returncode == 0, done.stdout + done.stderr
            return done.stdout
        assert time.monotonic() < end, done.stderr
        time.sleep(1)


def _seen_as(kvx: Any) -> str:
    """The address that the hosts see this machine by."""
    origin = kvx.simulation["address"].removesuffix("/v1")
    with urllib.request.urlopen(f"{origin}/_rehearsal/address", timeout=60) as answer:
        return str(answer.read().decode().strip())


@needs_hosts
def test_a_machine_that_cannot_be_made_is_named_with_the_reason(rehearsed: Any) -> None:
    (rehearsed.folder / "kvx.toml").write_text(f'{SETTINGS}image = "fedora-42"\n')
    failed = rehearsed("rehearse", "deploy", "--hosts")
    assert failed.returncode != 0
    assert "wants fedora-42, and hosts are debian-12 only" in failed.stderr


@pytest.mark.needs("terraform", "hcloud-provider")
def test_without_hosts_it_is_said_why_and_what_to_type(kvx: Any, tmp_path: Path) -> None:
    """A folder of programs without systemd-nspawn takes the place of a machine that has none."""
    (tmp_path / "kvx.toml").write_text(SETTINGS)
    programs = tmp_path / "programs"
    programs.mkdir()
    for folder in os.environ["PATH"].split(":"):
        for path in Path(folder).iterdir() if Path(folder).is_dir() else ():
            if path.name != "systemd-nspawn" and not (programs / path.name).exists():
                (programs / path.name).symlink_to(path)
    wanted = kvx("rehearse", "deploy", "--hosts", PATH=str(programs))
    assert wanted.returncode == 3
    assert wanted.stderr.splitlines()[-2].startswith("no hosts can stand here: ")
    made = kvx("rehearse", "deploy", PATH=str(programs))
    assert made.returncode == 0, made.stderr
    assert "The rehearsal ends with the phase provision, because " in made.stderr
    if os.geteuid() == 0:
        assert "systemd-nspawn is missing.\n" in made.stderr
        assert "For one that configures machines too: apt-get install systemd-container\n" in made.stderr
    assert not (handed_over(kvx) / "kubeconfig").exists()


def _standing(kvx: Any) -> list[bool]:
    owner = kvx.folder / ".kvx-rehearsal"
    said = subprocess.run(
        [HOSTS / "machines", "--owner", owner, "list"], capture_output=True, timeout=60, check=True
    )
    return [each["on"] for each in json.loads(said.stdout)["machines"]]

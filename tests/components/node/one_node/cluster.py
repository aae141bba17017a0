"""Brings a cluster up from outside, and takes it down so that nothing of it is left on the machine."""

import contextlib
import fcntl
import io
import json
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from one_node import control_groups, programs, watchers
from one_node.inside import READY
from one_node.place import FOLDERS, NUMBERS, Place
from one_node.programs import NodeError, run, until

HERE = Path(__file__).parents[1]
PEERS = HERE.parent
UP_SECONDS = 300.0
KUBECTL_SECONDS = 120.0
# The line to the cluster comes from inside its network; its other end stays with us. All that is started ends
# with the first process in there, and that ends with us, also where we are killed.
ENTER = (
    'ip link add eth0 type veth peer name "$1" netns "$2" && shift 2 && '
    'exec unshare --pid --fork --kill-child=KILL --mount-proc "$@"'
)


@dataclass(frozen=True, slots=True)
class Cluster:
    """A running cluster of one node."""

    place: Place

    @property
    def kubeconfig(self) -> Path:
        """Of its administrator."""
        return self.place.folder / "kubeconfig"

    @property
    def audit_log(self) -> Path:
        """Every write, a line of JSON each."""
        return self.place.folder / "logs" / "audit.log"

    def kubectl(self, *arguments: str, text: str = "", seconds: float = KUBECTL_SECONDS) -> str:
        """What kubectl printed; AssertionError with its words where it failed."""
        done = self.tried(*arguments, text=text, seconds=seconds)
        assert done.returncode == 0, f"kubectl {' '.join(arguments)}: {done.stderr}"
        return done.stdout

    def tried(
        self, *arguments: str, text: str = "", seconds: float = KUBECTL_SECONDS
    ) -> subprocess.CompletedProcess[str]:
        """The same, whatever comes of it."""
        return subprocess.run(
            ["kubectl", f"--kubeconfig={self.kubeconfig}", *arguments],
            input=text,
            capture_output=True,
            text=True,
            timeout=seconds,
            check=False,
        )

    def take_image(self, archive: Path, name: str) -> str:
        """Puts the image of an archive onto the node, as `name` with its digest, and tells that."""
        run(*self._ctr(), "images", "import", str(archive))
        with tarfile.open(archive) as content:
            index = json.load(content.extractfile("index.json") or io.BytesIO(b"{}"))
        whole = f"{name}@{index['manifests'][0]['digest']}"
        run(*self._ctr(), "images", "tag", "--force", f"{name}:tests", whole)
        return whole

    def _ctr(self) -> tuple[str, ...]:
        return ("ctr", "--address", str(self.place.containerd), "--namespace", "k8s.io")


def missing() -> str | None:
    """Why no cluster can stand on this machine, None if one can."""
    if os.geteuid() != 0:
        return "a node needs root: it has namespaces, mounts and control groups of its own"
    return programs.missing() or control_groups.missing() or _no_namespaces()


def _no_namespaces() -> str | None:
    """Tried: an overlay in namespaces of its own, and a rule that translates addresses."""
    with tempfile.TemporaryDirectory() as folder:
        for part in ("lower", "upper", "work", "merged"):
            (Path(folder) / part).mkdir()
        overlay = f"lowerdir={folder}/lower,upperdir={folder}/upper,workdir={folder}/work"
        trial = (
            f"mount -t overlay kvx-node -o {overlay} {folder}/merged && "
            "iptables -t nat -A POSTROUTING -j MASQUERADE && ip link add trial0 type veth peer name trial1"
        )
        words = ("unshare", "--net", "--mount", "--pid", "--fork", "--mount-proc", "sh", "-c", trial)
        done = subprocess.run(words, capture_output=True, text=True, timeout=60, check=False)
    if done.returncode == 0:
        return None
    said = done.stderr.strip().partition("\n")[0]
    return f"no namespaces with overlays, veth and nat can be made here, though this is root: {said}"


def built() -> tuple[Path, Path, Path]:
    """The folders with Kubernetes' programs, with the others and images, and with definitions of kinds."""
    builds = (PEERS / "kubernetes" / "build", HERE / "build", PEERS / "definitions" / "build")
    kubernetes, more, definitions = (Path(run(str(build), "--where").strip()) for build in builds)
    return kubernetes, more, definitions


@contextmanager
def running() -> Iterator[Cluster]:
    """A cluster of its own, under the first number that is free on this machine."""
    with _number() as number:
        place = Place(number)
        take_away(place)
        process = _entered(place)
        try:
            _wait(place, process)
            yield Cluster(place)
        finally:
            process.kill()
            process.wait()
            take_away(place)


@contextmanager
def _number() -> Iterator[int]:
    """Held as long as the process lives: so one that was killed gives its number back."""
    FOLDERS.mkdir(mode=0o700, parents=True, exist_ok=True)
    for number in NUMBERS:
        with Path(f"/run/lock/kvx-node{number}").open("w") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                continue
            yield number
            return
    raise NodeError(f"{len(NUMBERS)} clusters stand on this machine already")


def _entered(place: Place) -> "subprocess.Popen[bytes]":
    place.folder.mkdir(mode=0o700, parents=True)
    watchers.allow()
    environment = {"PATH": os.environ["PATH"], "HOME": str(place.folder), "PYTHONPATH": str(HERE)}
    own = [sys.executable, "-m", "one_node.inside", str(place.number), *map(str, built())]
    shell = ["sh", "-c", ENTER, "sh", place.name, str(os.getpid()), *own]
    with (place.folder / "inside.log").open("wb") as log:
        return subprocess.Popen(
            ["setpriv", "--pdeathsig", "KILL", "unshare", "--net", "--mount", "--uts", "--ipc", *shell],
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
        )


def _wait(place: Place, process: "subprocess.Popen[bytes]") -> None:
    until("the line to the cluster", 30, lambda: _plugged_in(place) or process.poll() is not None)
    _refuse_end(place, process)
    run("ip", "address", "add", f"{place.outside}/24", "dev", place.name)
    run("ip", "link", "set", place.name, "up")
    for beyond in (place.pods, place.services):
        run("ip", "route", "add", beyond, "via", place.address)
    ready = place.folder / READY
    until(_said(place), UP_SECONDS, lambda: ready.exists() or process.poll() is not None)
    _refuse_end(place, process)


def _refuse_end(place: Place, process: "subprocess.Popen[bytes]") -> None:
    if process.poll() is not None:
        raise NodeError(f"the cluster did not come up: {_said(place)}")


def _said(place: Place) -> str:
    return (place.folder / "inside.log").read_text(errors="replace")[-2_000:]


def _plugged_in(place: Place) -> bool:
    return Path("/sys/class/net", place.name).exists()


def take_away(place: Place) -> None:
    """What is left of a cluster whose processes were ended: the kernel has done the rest."""
    control_groups.remove(place.name)
    if _plugged_in(place):  # connections that nobody answers any more keep a network alive for minutes
        with contextlib.suppress(NodeError):  # it may go by itself just now
            run("ip", "link", "delete", place.name)
    until(f"{place.name} is unplugged", 30, lambda: not _plugged_in(place))
    deadline = time.monotonic() + 30
    while place.folder.exists():
        shutil.rmtree(place.folder, ignore_errors=time.monotonic() < deadline)
    watchers.put_back()
    with contextlib.suppress(OSError):  # others stand there
        FOLDERS.rmdir()


def figures(cluster: Cluster) -> dict[str, object]:
    """For a person: where things are."""
    took = float((cluster.place.folder / READY).read_text())
    return {"kubeconfig": str(cluster.kubeconfig), "logs": str(cluster.audit_log.parent), "seconds": took}


def told(cluster: Cluster) -> str:
    return json.dumps(figures(cluster), indent=2)

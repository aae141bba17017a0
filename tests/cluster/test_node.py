"""The node of these tests is a real one, and the machine it stands on is left as it was."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

pytestmark = [pytest.mark.needs("node", "kubectl"), pytest.mark.timeout(600)]

COMPONENT = Path(__file__).parents[1] / "components" / "node"
PROGRAM = COMPONENT / "node"
# What a kubelet writes where it differs. Others on this machine set it too, so that its value tells nothing.
SETTINGS = ("vm/overcommit_memory", "vm/panic_on_oom", "kernel/panic", "kernel/panic_on_oops")
STAND_SECONDS = 300.0


def within(seconds: float, what: str, holds: Callable[[], object]) -> None:
    end = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < end, f"{what}: not within {seconds:.0f} s"
        time.sleep(0.2)


def test_the_node_is_ready_and_tells_its_kubelet_and_its_containerd(node: Any) -> None:
    told = node.kubectl("get", "nodes", "-o", "wide", "--no-headers").split()
    assert told[:2] == [node.place.name, "Ready"]
    assert "v1.34.2" in told
    assert told[-1].startswith("containerd://1.6")


def traces(number: int) -> list[str]:
    """What a cluster of that number has left: its line, control groups, mounts and folder."""
    name = f"kvx-node{number}"
    places = [Path("/sys/class/net", name), Path("/srv/kvx-nodes", str(number))]
    groups = Path("/sys/fs/cgroup").glob(f"**/{name}")
    mounts = [line for line in Path("/proc/mounts").read_text().splitlines() if f"kvx-nodes/{number}" in line]
    return [str(each) for each in (*places, *groups) if each.exists()] + mounts


def test_a_cluster_that_was_killed_leaves_no_process_and_the_next_takes_its_rest_away(tmp_path: Path) -> None:
    log = tmp_path / "told"
    with log.open("w") as told:
        process = subprocess.Popen([sys.executable, str(PROGRAM)], stdout=told, stderr=told)
    try:
        within(STAND_SECONDS, "another cluster", lambda: "kubeconfig" in log.read_text() or process.poll())
        assert process.poll() is None, log.read_text()
        number = int(log.read_text().split("/srv/kvx-nodes/")[1].split("/")[0])
        for pid in _inside(number):
            with suppress(OSError):  # a shim that has just ended
                mounts = Path("/proc", pid, "mountinfo").read_text()
                assert all(f"/proc/sys/{setting} " in mounts for setting in SETTINGS)
        rules = subprocess.run(["nft", "list", "ruleset"], capture_output=True, text=True, check=True).stdout
        assert "KUBE" not in rules
        assert "kvx_policies" not in rules
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait()
    within(60, "its processes end", lambda: not _processes(number))
    # As the next cluster of that number does before it begins.
    again = "import sys; from one_node.cluster import take_away; from one_node.place import Place; "
    words = [sys.executable, "-c", f"{again}take_away(Place({number}))"]
    subprocess.run(words, env={**os.environ, "PYTHONPATH": str(COMPONENT)}, check=True, timeout=120)
    assert traces(number) == []


def _inside(number: int) -> list[str]:
    """Programs of the cluster."""
    found = [pid for pid in _processes(number) if _command(pid).startswith(("etcd", "containerd"))]
    assert found
    return found


def _processes(number: int) -> list[str]:
    """Those that name the cluster's folder."""
    running = (each.name for each in Path("/proc").glob("[0-9]*"))
    return [pid for pid in running if f"/srv/kvx-nodes/{number}/" in _command(pid)]


def _command(pid: str) -> str:
    try:
        return Path("/proc", pid, "cmdline").read_text(errors="replace")
    except OSError:  # it has just ended
        return ""

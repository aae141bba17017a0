"""What kvx nodes asks and refuses before it does anything: no terminal, a no, another kvx at work."""

import json
import os
import pty
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from kvx.commands.nodes_restore import agree_to_restore, plan_of
from kvx.commands.nodes_target import Cluster
from kvx.commands.nodes_upgrade import upgradable
from kvx.deployment import Deployment
from kvx.errors import ExitCode, KvxError
from kvx.lock import acquire
from kvx.nodes.inventory import Inventory
from kvx.nodes.snapshots import Snapshot
from kvx.settings import Settings
from kvx.steps.node_care import RestoreNodes
from kvx.steps.nodes import ConfigureNodes, NodesWanted

Kvx = Callable[..., subprocess.CompletedProcess[str]]
VERSION = "v1.34.3+k3s1"


def on_a_terminal(folder: Path, typed: str, *arguments: str) -> tuple[int, str]:
    """The exit code, and what a person has seen who typed that."""
    ours, theirs = pty.openpty()
    environment = {
        name: value for name, value in os.environ.items() if not name.startswith(("KVX_", "HCLOUD_"))
    }
    program = [sys.executable, "-c", "from kvx.main import run; run()", *arguments]
    process = subprocess.Popen(
        program, cwd=folder, env=environment, stdin=theirs, stdout=theirs, stderr=theirs
    )
    os.close(theirs)
    os.write(ours, f"{typed}\n".encode())
    seen, end = b"", time.monotonic() + 60
    while time.monotonic() < end:
        try:
            more = os.read(ours, 4096)
        except OSError:  # the other side is closed
            break
        if not more:
            break
        seen += more
    os.close(ours)
    return process.wait(60), seen.decode().replace("\r\n", "\n")


@pytest.mark.usefixtures("handed_over")
def test_an_upgrade_that_is_not_agreed_to_changes_nothing(tmp_path: Path) -> None:
    code, seen = on_a_terminal(tmp_path, "n", "nodes", "upgrade", VERSION)
    assert code == 1
    assert "kvx nodes upgrade brings the cluster edge to k3s v1.34.3+k3s1." in seen
    assert "Upgrade the cluster edge? [y/N]" in seen
    assert "nothing was changed" in seen
    assert not (tmp_path / ".kvx/hetzner/journal.jsonl").exists()


@pytest.mark.usefixtures("handed_over")
def test_an_upgrade_without_a_terminal_wants_yes(kvx: Kvx) -> None:
    ended = kvx("nodes", "upgrade", VERSION)
    assert ended.returncode == 3
    assert "there is no terminal to ask on" in ended.stderr
    assert ended.stderr.endswith("fix: the same command with --yes\n")


@pytest.mark.usefixtures("handed_over")
def test_a_dry_run_only_says_what_would_happen(kvx: Kvx, handed_over: Path) -> None:
    before = sorted(handed_over.rglob("*"))
    ended = kvx("nodes", "upgrade", VERSION, "--dry-run")
    assert ended.returncode == 0
    assert "First etcd is saved, then servers go one by one, then agents." in ended.stdout
    told = json.loads(kvx("nodes", "upgrade", VERSION, "--dry-run", "--json").stdout)
    assert (told["schema"], told["event"], told["version"]) == ("kvx/nodes/v1", "plan", VERSION)
    assert told["answered"] is False
    assert sorted(handed_over.rglob("*")) == before


@pytest.mark.usefixtures("handed_over")
@pytest.mark.parametrize(
    ("arguments", "why"),
    [((), "neither VERSION nor nodes.k3s_version"), (("1.34",), "nodes.k3s_version is '1.34'")],
)
def test_a_version_that_is_none_is_refused(kvx: Kvx, arguments: tuple[str, ...], why: str) -> None:
    ended = kvx("nodes", "upgrade", *arguments, "--yes")
    assert ended.returncode == 2
    assert why in ended.stderr


def test_an_upgrade_beside_another_kvx_is_refused_and_names_it(kvx: Kvx, handed_over: Path) -> None:
    lock = acquire(handed_over / "lock.json", "kvx deploy")
    try:
        ended = kvx("nodes", "upgrade", VERSION, "--yes")
    finally:
        lock.release()
    assert ended.returncode == 3
    assert "another kvx works on" in ended.stderr
    assert "`kvx deploy`" in ended.stderr


def test_checksums_of_one_version_are_not_taken_for_another(tmp_path: Path, handed_over: Path) -> None:
    digest = "a" * 64
    lines = ("[nodes]", 'k3s_version = "v1.34.2+k3s1"', f'k3s_checksums = ["arm64={digest}"]')
    (tmp_path / "kvx.toml").write_text("\n".join(lines))
    same = upgradable(tmp_path, None, "v1.34.2+k3s1", None)
    other = upgradable(tmp_path, None, VERSION, None)
    assert same.step.nodes.variables["k3s_checksums"] == {"arm64": digest}
    assert "k3s_checksums" not in other.step.nodes.variables
    assert other.step.nodes.variables["k3s_version"] == VERSION


@pytest.mark.usefixtures("local_nodes")
def test_where_there_is_no_snapshot_the_fix_is_to_take_one(kvx: Kvx) -> None:
    ended = kvx("nodes", "restore", "nightly-1", "--yes-restore", "edge")
    assert ended.returncode == 3
    assert "there is no snapshot" in ended.stderr
    assert "k3s etcd-snapshot save" in ended.stderr


@pytest.fixture
def cluster(tmp_path: Path) -> Cluster:
    step = ConfigureNodes(tmp_path, tmp_path, tmp_path / "key", NodesWanted())
    return Cluster(Deployment("hetzner", Settings(tmp_path)), step, Inventory("edge", "root", (), {}))


SNAPSHOT = Snapshot("nightly-1", 0.0, 7, ("s1",))


@pytest.mark.parametrize(
    ("name", "code"), [("other", ExitCode.USAGE), ("", ExitCode.USAGE), (None, ExitCode.MISSING)]
)
def test_only_the_name_of_the_cluster_will_do_for_a_restore(
    cluster: Cluster, name: str | None, code: ExitCode
) -> None:
    with pytest.raises(KvxError) as refused:
        agree_to_restore(cluster, SNAPSHOT, 1.0, name=name)
    assert refused.value.exit_code is code
    assert refused.value.fix == "kvx nodes restore nightly-1 --yes-restore edge"
    agree_to_restore(cluster, SNAPSHOT, 1.0, name="edge")


@pytest.mark.parametrize(("servers", "from_bucket"), [(("s1",), False), ((), True)])
def test_a_snapshot_is_taken_from_a_disk_where_it_lies_on_one(
    cluster: Cluster, servers: tuple[str, ...], from_bucket: bool
) -> None:
    plan = plan_of(cluster, Snapshot("nightly-1", 0.0, 7, servers, "saves"))
    step = next(step for step in plan.steps if isinstance(step, RestoreNodes))
    assert (step.snapshot, step.cluster, step.from_bucket) == ("nightly-1", "edge", from_bucket)


def test_a_check_without_machines_says_when_it_will_show(kvx: Kvx) -> None:
    ended = kvx("ansible", "--check")
    assert ended.returncode == 0
    assert "What that changes on the machines shows once they are made" in ended.stdout
    assert json.loads(kvx("ansible", "--check", "--json").stdout)["nodes"] is None

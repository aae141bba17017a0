"""Looks for snapshots of etcd: on the disks of the servers by SSH, and in the bucket from here."""

from collections.abc import Sequence
from dataclasses import dataclass

from kvx.drivers import object_storage
from kvx.drivers.node_commands import run_on
from kvx.errors import KvxError
from kvx.nodes.answers import Answer
from kvx.nodes.inventory import Inventory
from kvx.nodes.snapshots import Snapshot, on_disk, together
from kvx.steps.machines import Backend
from kvx.steps.nodes import ConfigureNodes
from kvx.world import World

# Where k3s keeps them, and what the roles call the bucket. None of it needs k3s to run.
FOLDER = "/var/lib/rancher/k3s/server/db/snapshots"
_FIND = ("find", FOLDER, "-maxdepth", "1", "-type", "f", "-printf", r"%f\t%s\t%T@\n")
_BUCKET = "etcd_snapshots_s3_bucket"
_SECONDS = 30


@dataclass(frozen=True, slots=True)
class Found:
    """What lies where, the newest first, and which places could not be asked."""

    snapshots: tuple[Snapshot, ...]
    wrong: tuple[str, ...]


def find_snapshots(step: ConfigureNodes, inventory: Inventory, world: World) -> Found:
    """All that can be found now; a server or a bucket that does not answer is named."""
    answers = run_on(step, inventory.servers, _FIND, world, timeout_seconds=_SECONDS)
    on_disks = [each for answer in answers for each in on_disk(answer.node, answer.stdout)]
    wrong = [words for answer in answers if (words := _wrong(answer))]
    in_bucket, why = _in_bucket(step, inventory.cluster)
    return Found(together((*on_disks, *in_bucket)), (*wrong, *why))


def bucket_of(step: ConfigureNodes, cluster: str) -> Backend | None:
    """The bucket that k3s copies snapshots to, into a folder called as the cluster; None for none."""
    known = step.nodes.variables
    if _BUCKET not in known:
        return None
    return Backend(
        bucket=str(known[_BUCKET]),
        key=f"{cluster}/",
        region=str(known.get("etcd_snapshots_s3_region") or "us-east-1"),
        endpoint=f"https://{known['etcd_snapshots_s3_endpoint']}",
        access_key=step.nodes.etcd_access_key,
        secret_key=step.nodes.etcd_secret_key,
    )


def in_bucket(backend: Backend) -> list[Snapshot]:
    """The snapshots under its key; raises a KvxError where it cannot be asked."""
    found = object_storage.objects(backend)
    names = ((each.key.removeprefix(backend.key), each) for each in found)
    # k3s keeps what it knows of each under .metadata/.
    return [
        Snapshot(name, each.changed, each.size_bytes, bucket=backend.bucket)
        for name, each in names
        if name and "/" not in name
    ]


def _in_bucket(step: ConfigureNodes, cluster: str) -> tuple[Sequence[Snapshot], tuple[str, ...]]:
    backend = bucket_of(step, cluster)
    if backend is None:
        return (), ()
    try:
        return in_bucket(backend), ()
    except KvxError as error:
        return (), (error.message,)


def _wrong(answer: Answer) -> str | None:
    """A server without that folder has no snapshots, which is nothing wrong."""
    if answer.wrong is not None:
        return f"{answer.node}: {answer.wrong}"
    if answer.good or "No such file or directory" in answer.stderr:  # of find, which has one code for all
        return None
    return f"{answer.node}: {answer.stderr}"

"""Snapshots in words: which there are, where they lie, and what going back to one loses."""

from collections.abc import Sequence
from datetime import UTC, datetime

from kvx.commands.nodes_table import age
from kvx.commands.table import Table
from kvx.nodes.snapshots import Snapshot

_HEAD = ("snapshot", "taken", "size", "where")


def lines_of(cluster: str, snapshots: Sequence[Snapshot], now: float, width: int | None = None) -> list[str]:
    """All of them, the newest first."""
    if not snapshots:
        return [f"The cluster {cluster} has no snapshot, neither on a server nor in a bucket."]
    rows = [(each.name, when(each, now), size(each), where(each)) for each in snapshots]
    count = "one snapshot" if len(rows) == 1 else f"{len(rows)} snapshots, the newest first"
    return [f"The cluster {cluster} has {count}.", "", *Table(_HEAD, rows, 1, width).lines]


def warning_of(cluster: str, snapshot: Snapshot, now: float) -> list[str]:
    """What is lost, and what is not."""
    return [
        f"The cluster {cluster} goes back to this snapshot:",
        "",
        f"  {snapshot.name}",
        f"  taken {when(snapshot, now)}; {size(snapshot)}, {where(snapshot)}",
        "",
        "  lost       all that Kubernetes was told since then: made, changed or deleted",
        "  kept       what lies on volumes; and on the servers, until the next restore,",
        "             the data from before",
        "  meanwhile  the servers stand still, and pods that run go on",
    ]


def when(snapshot: Snapshot, now: float) -> str:
    """In UTC, as Kubernetes counts, and how long ago."""
    taken = datetime.fromtimestamp(snapshot.taken, UTC)
    return f"{taken:%Y-%m-%d %H:%M} UTC, {age(now - snapshot.taken)} ago"


def size(snapshot: Snapshot) -> str:
    return f"{snapshot.size_bytes / 1e6:.1f} MB"


def where(snapshot: Snapshot) -> str:
    bucket = (f"bucket {snapshot.bucket}",) if snapshot.bucket else ()
    return ", ".join((*snapshot.servers, *bucket))


def snapshot_data(snapshot: Snapshot) -> dict[str, object]:
    """The same for programs."""
    taken = datetime.fromtimestamp(snapshot.taken, UTC)
    return {
        "name": snapshot.name,
        "taken": f"{taken:%Y-%m-%dT%H:%M:%SZ}",
        "size_bytes": snapshot.size_bytes,
        "servers": list(snapshot.servers),
        "bucket": snapshot.bucket,
    }

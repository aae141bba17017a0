"""Snapshots of etcd as values: what they are called, when they were taken, and where they lie."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace


@dataclass(frozen=True, slots=True)
class Snapshot:
    """One snapshot; `taken` in seconds since 1970, `servers` have it on their disk."""

    name: str
    taken: float
    size_bytes: int
    servers: tuple[str, ...] = ()
    bucket: str | None = None

    @property
    def is_on_a_disk(self) -> bool:
        return bool(self.servers)


def on_disk(server: str, printed: str) -> list[Snapshot]:
    """From what `find -printf '%f\\t%s\\t%T@\\n'` printed on a server; an unfinished one is left out."""
    rows = [line.split("\t") for line in printed.splitlines()]
    return [
        Snapshot(name, float(taken), int(size), servers=(server,))
        for name, size, taken in (row for row in rows if len(row) == 3)
        if not name.endswith(".part")
    ]


def together(found: Iterable[Snapshot]) -> tuple[Snapshot, ...]:
    """One for each name, the newest first: the same may lie on a disk and in a bucket."""
    whole: dict[str, Snapshot] = {}
    for each in found:
        known = whole.get(each.name, each)
        servers = tuple(dict.fromkeys((*known.servers, *each.servers)))
        taken = min(known.taken, each.taken)  # a copy is younger than what it is a copy of
        whole[each.name] = replace(known, servers=servers, bucket=known.bucket or each.bucket, taken=taken)
    return tuple(sorted(whole.values(), key=lambda each: (-each.taken, each.name)))


def named(snapshots: Sequence[Snapshot], name: str) -> Snapshot | None:
    """The one of that name, None where there is none."""
    return next((each for each in snapshots if each.name == name), None)

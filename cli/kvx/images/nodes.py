"""What a node says of its images, and what it still needs of one."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field

from kvx.images.documents import Descriptor

PROCESSORS = {"x86_64": "amd64", "aarch64": "arm64"}
# Beside what is sent, containerd holds it once more, and unpacked it is three times as large.
ROOM_FOR_EACH_BYTE = 5


@dataclass(frozen=True, slots=True)
class NodeImages:
    """A node's processor, what containerd holds, and what was sent before and is not imported yet."""

    architecture: str = ""
    images: Mapping[str, str] = field(default_factory=dict)
    """Names with the digests that they mean."""
    ready: frozenset[str] = frozenset()
    """Names of what is whole and unpacked."""
    blobs: frozenset[str] = frozenset()
    parts: Mapping[str, int] = field(default_factory=dict)
    free_bytes: int = 0

    def has(self, name: str, digest: str) -> bool:
        """Whether the image of that name is there, whole, and is that one."""
        return self.images.get(name) == digest and name in self.ready


def heard(lines: Iterable[str]) -> NodeImages:
    """From what the script of drivers/image_loading prints: a kind and its values on each line."""
    rows = [words for line in lines if len(words := line.split()) > 1]
    of = {kind: [row[1:] for row in rows if row[0] == kind] for kind in (row[0] for row in rows)}
    machine = of.get("machine", [[""]])[0][0]
    return NodeImages(
        architecture=PROCESSORS.get(machine, machine),
        images={row[0]: row[1] for row in of.get("image", ()) if len(row) == 2},
        ready=frozenset(row[0] for row in of.get("ready", ())),
        blobs=frozenset(row[0] for row in of.get("blob", ())),
        parts={row[0]: int(row[1]) for row in of.get("part", ()) if len(row) == 2 and row[1].isdecimal()},
        free_bytes=sum(int(row[0]) * 1024 for row in of.get("free", ()) if row[0].isdecimal()),
    )


def lacking(needed: Iterable[Descriptor], there: Collection[str]) -> tuple[Descriptor, ...]:
    """The blobs that have to be sent, each once."""
    return tuple({each.digest: each for each in needed if each.digest not in there}.values())

"""The cgroups this process is in: where a container's limits are written."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

CGROUPS = Path("/sys/fs/cgroup")
OWN = Path("/proc/self/cgroup")


@dataclass(frozen=True, slots=True)
class Cgroup:
    """One cgroup; unified is version 2, where the files have other names than in version 1."""

    folder: Path
    unified: bool

    def value(self, name: str) -> str:
        """What a file of the cgroup says; nothing where there is no such file."""
        try:
            return (self.folder / name).read_text().strip()
        except OSError:
            return ""


def cgroups_with(controller: str, own: str | None = None, root: Path = CGROUPS) -> Iterator[Cgroup]:
    """The cgroup of this process and each above it, since the tightest limit counts.

    controller  "cpu" or "memory": in version 1 each has a tree of its own
    own         the text of /proc/self/cgroup
    """
    for line in (_own_text() if own is None else own).splitlines():
        _, controllers, path = line.split(":", 2)
        if not controllers:
            for tree in (root, root / "unified"):  # beside version 1 trees, version 2 lies in a folder
                yield from _upward(tree, path, unified=True)
        elif controller in controllers.split(","):
            for tree in dict.fromkeys((root / controller, root / controllers)):
                yield from _upward(tree, path, unified=False)


def _own_text() -> str:
    try:
        return OWN.read_text()
    except OSError:
        return ""


def _upward(tree: Path, path: str, unified: bool) -> Iterator[Cgroup]:
    """Inside a container the path may be the host's, and then only the tree itself is there."""
    own = tree / path.lstrip("/")
    for folder in (own, *own.parents):
        if not folder.is_relative_to(tree):
            return
        if folder.is_dir():
            yield Cgroup(folder, unified)

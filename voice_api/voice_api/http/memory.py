"""How much memory this process holds, and how much it may hold."""

import os
from collections.abc import Iterator
from pathlib import Path

CGROUPS = Path("/sys/fs/cgroup")
STATM = Path("/proc/self/statm")


def resident_bytes() -> int:
    """Memory the process holds now."""
    pages = int(STATM.read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


def limit_bytes(setting: int, own_cgroup: str | None = None, root: Path = CGROUPS) -> int:
    """The setting where it is not 0, else the tightest container limit, else the machine's memory."""
    machine = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    own = Path("/proc/self/cgroup").read_text() if own_cgroup is None else own_cgroup
    return setting or min([machine, *_container_limits(own, root)])


def _container_limits(own: str, root: Path) -> Iterator[int]:
    """Limits of the process's cgroup and all above it; own is the text of /proc/self/cgroup."""
    for line in own.splitlines():
        _, controllers, path = line.split(":", 2)
        if controllers == "":
            yield from _limits(root, path, "memory.max")
        elif "memory" in controllers.split(","):
            yield from _limits(root / "memory", path, "memory.limit_in_bytes")


def _limits(root: Path, path: str, name: str) -> Iterator[int]:
    inside = root / path.lstrip("/")
    for folder in (inside, *inside.parents):
        if not folder.is_relative_to(root):
            return
        try:
            value = (folder / name).read_text().strip()
        except OSError:
            continue
        if value.isdecimal():
            yield int(value)

"""How much memory this process holds, and how much it may hold."""

import os
from collections.abc import Iterator
from pathlib import Path

from voice_api.speech.cgroup import CGROUPS, cgroups_with

STATM = Path("/proc/self/statm")


def resident_bytes() -> int:
    """Memory the process holds now."""
    pages = int(STATM.read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


def limit_bytes(setting: int, own_cgroup: str | None = None, root: Path = CGROUPS) -> int:
    """The setting where it is not 0, else the tightest container limit, else the machine's memory."""
    machine = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return setting or min([machine, *_container_limits(own_cgroup, root)])


def _container_limits(own: str | None, root: Path) -> Iterator[int]:
    for cgroup in cgroups_with("memory", own, root):
        value = cgroup.value("memory.max" if cgroup.unified else "memory.limit_in_bytes")
        if value.isdecimal():
            yield int(value)

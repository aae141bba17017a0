"""How many threads this process may run at once, and who says so."""

import math
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from voice_api.speech.cgroup import CGROUPS, Cgroup, cgroups_with


@dataclass(frozen=True, slots=True)
class ThreadLimit:
    """How many threads, and where the number comes from, in words."""

    count: int
    source: str


def thread_limit(cores: int | None = None, own: str | None = None, root: Path = CGROUPS) -> ThreadLimit:
    """The cores this process may run on, or the CPU quota of its container where that is less.

    A quota of a part of a core is rounded up: a second thread would only be stopped the sooner.
    own is the text of /proc/self/cgroup.
    """
    allowed = usable_cores() if cores is None else cores
    quota = min(_quotas(own, root), default=math.inf)
    if math.isinf(quota) or math.ceil(quota) >= allowed:
        return ThreadLimit(allowed, f"the process may run on {_cores(allowed)}")
    return ThreadLimit(max(1, math.ceil(quota)), f"the container's CPU quota is {_cores(quota)}")


def available_threads() -> int:
    return thread_limit().count


def usable_cores() -> int:
    """Cores the process may be put on: never all of the host's where it is pinned to some."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _quotas(own: str | None, root: Path) -> Iterator[float]:
    """CPU quotas, in cores, of the process's cgroup and all above it."""
    for cgroup in cgroups_with("cpu", own, root):
        quota, period = _quota_and_period(cgroup)
        if quota.isdecimal() and period.isdecimal() and int(period) > 0:
            yield int(quota) / int(period)


def _quota_and_period(cgroup: Cgroup) -> tuple[str, str]:
    """As written, in microseconds; "max" and "-1" are no quota."""
    if not cgroup.unified:
        return cgroup.value("cpu.cfs_quota_us"), cgroup.value("cpu.cfs_period_us")
    quota, _, period = cgroup.value("cpu.max").partition(" ")
    return quota, period


def _cores(count: float) -> str:
    return f"{count:.3g} core" if count == 1 else f"{count:.3g} cores"

"""Control groups of version 1 or 2: for each cluster one parent, which its kubelet takes for the root."""

import contextlib
import os
import time
from pathlib import Path

MOUNTS = Path("/sys/fs/cgroup")
EMPTY_SECONDS = 60.0
# On a real node the processors are its pods' alone. Here they share them, with the weight of eight programs:
# enough for an autoscaler to see that they are busy.
WEIGHTS = {"cpu.shares": "8192", "cpu.weight": "800"}


def hierarchies() -> tuple[Path, ...]:
    """Where groups can be made: each mounted controller of version 1, or the one tree of version 2."""
    mounts = [line.split() for line in Path("/proc/self/mounts").read_text().splitlines()]
    return tuple(
        Path(place)
        for _, place, kind, *_ in mounts
        if kind in {"cgroup", "cgroup2"} and Path(place).is_relative_to(MOUNTS)
    )


def missing() -> str | None:
    """Why no group can be made, None if one can in every hierarchy."""
    if not hierarchies():
        return f"no control groups are mounted below {MOUNTS}"
    for hierarchy in hierarchies():
        trial = hierarchy / f"kvx-node-trial{os.getpid()}"
        try:
            trial.mkdir()
            trial.rmdir()
        except OSError as error:
            return f"no control group can be made in {hierarchy}: {error.strerror}"
    return None


def make(name: str) -> None:
    for hierarchy in hierarchies():
        group = hierarchy / name
        group.mkdir(exist_ok=True)
        for setting in ("cpuset.cpus", "cpuset.mems"):
            if (group / "cgroup.clone_children").exists() and (group / setting).exists():
                (group / setting).write_text((hierarchy / setting).read_text())
        for setting, weight in WEIGHTS.items():
            if (group / setting).exists():
                (group / setting).write_text(weight)


def left(name: str) -> list[Path]:
    """Groups of that name that are still there."""
    return [group for hierarchy in hierarchies() if (group := hierarchy / name).is_dir()]


def remove(name: str) -> None:
    """With all that is below; a process that just ended counts for a moment."""
    deadline = time.monotonic() + EMPTY_SECONDS
    while groups := left(name):
        for group in groups:
            _remove_tree(group)
        if left(name) and time.monotonic() > deadline:
            raise OSError(f"control groups are still in use: {', '.join(map(str, left(name)))}")
        time.sleep(0.05)


def _remove_tree(group: Path) -> None:
    for folder, _, _ in os.walk(group, topdown=False):
        with contextlib.suppress(OSError):  # in use, or gone already: the caller looks again
            Path(folder).rmdir()

"""A control group for each host in every hierarchy; without, the hosts' systemds would share their slices."""

from pathlib import Path

from systemd_hosts.fleet import Place

MOUNTS = Path("/sys/fs/cgroup")


def hierarchies() -> tuple[Path, ...]:
    """Where groups can be made: each mounted controller of version 1, or the one tree of version 2."""
    mounts = [line.split() for line in Path("/proc/self/mounts").read_text().splitlines()]
    return tuple(
        Path(place)
        for _, place, kind, *_ in mounts
        if kind in {"cgroup", "cgroup2"} and Path(place).is_relative_to(MOUNTS)
    )


def make(host: Place) -> None:
    for group in groups(host):
        group.mkdir(parents=True, exist_ok=True)
        for level in (group.parent, group):
            _inherit_processors(level)


def groups(host: Place) -> tuple[Path, ...]:
    return tuple(hierarchy / _parent(host) / str(host.number) for hierarchy in hierarchies())


def join(process_id: int, host: Place) -> None:
    for group in groups(host):
        (group / "cgroup.procs").write_text(str(process_id))


def remove(host: Place) -> None:
    """The host's groups with all that its systemd made below, and their parent with the last of them."""
    for group in groups(host):
        for folder in sorted(group.rglob("*/"), reverse=True):
            if folder.is_dir():
                folder.rmdir()
        if group.is_dir():
            group.rmdir()
        if group.parent.is_dir() and not any(path.is_dir() for path in group.parent.iterdir()):
            group.parent.rmdir()


def _parent(host: Place) -> str:
    return f"kvx-hosts{host.fleet}"


def _inherit_processors(group: Path) -> None:
    """In version 1 a group of the cpuset controller takes no process before it has been given processors."""
    for name in ("cpuset.cpus", "cpuset.mems"):
        if (group / "cgroup.clone_children").exists() and (group / name).exists():
            (group / "cgroup.clone_children").write_text("1")
            (group / name).write_text((group.parent / name).read_text())

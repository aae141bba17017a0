"""A second disk, where containers lie: layers of images cannot be laid over a root that is layers itself.

It is a file that grows as it fills, up to a size of its own: so a kubelet sees a disk as empty as that of a
new machine, however full this one's is.
"""

from pathlib import Path

from systemd_hosts.programs import run

SIZE = "20G"
BOUND = {"kubelet": "/var/lib/kubelet", "containerd": "/var/lib/rancher/k3s/agent/containerd"}


def lay(folder: Path) -> None:
    """Made the first time, mounted each time; `folder` is the host's."""
    file, place = folder / "containers.ext4", folder / "containers"
    if place.is_mount():
        return
    if not file.exists():
        unfinished = file.with_suffix(".unfinished")
        unfinished.unlink(missing_ok=True)
        run("truncate", f"--size={SIZE}", str(unfinished))
        run("mkfs.ext4", "-q", "-m", "0", "-E", "lazy_itable_init=1,lazy_journal_init=1", str(unfinished))
        unfinished.rename(file)
    place.mkdir(exist_ok=True)
    run("mount", "-o", "loop", str(file), str(place))
    for name in BOUND:
        (place / name).mkdir(exist_ok=True)


def bound(folder: Path) -> tuple[str, ...]:
    """The words that give it to a host; none where it has no such disk."""
    place = folder / "containers"
    if not place.is_mount():
        return ()
    return tuple(f"--bind={place / name}:{inside}" for name, inside in BOUND.items())


def take_away(folder: Path) -> None:
    if (folder / "containers").is_mount():
        run("umount", str(folder / "containers"))

"""What the cluster would change on the machine, it changes in namespaces of its own, which go with it."""

from pathlib import Path

from one_node import control_groups
from one_node.place import Place
from one_node.programs import run

SYSTEM = Path("/proc/sys")
# The kubelet insists on these settings of the whole machine, and writes those that differ: it reads these.
WISHES = {
    "vm/overcommit_memory": "1",
    "vm/panic_on_oom": "0",
    "kernel/panic": "10",
    "kernel/panic_on_oops": "1",
    "kernel/keys/root_maxkeys": "1000000",
    "kernel/keys/root_maxbytes": "25000000",
}
# Whatever their configuration says, the programs write some things to these.
FOLDERS = ("/run", "/var/lib", "/var/log")


def settle(place: Place) -> None:
    """Called once, as the first process of new namespaces for mounts, network and processes."""
    _hide_folders(place)
    _hide_settings(place.folder / "settings")
    control_groups.make(place.name)
    run("ip", "link", "set", "lo", "up")
    run("ip", "address", "add", f"{place.address}/24", "dev", "eth0")
    run("ip", "link", "set", "eth0", "up")
    # Where clouds have their metadata service; there is no way further out.
    run("ip", "route", "add", "169.254.0.0/16", "via", place.outside)
    (SYSTEM / "net/ipv4/ip_forward").write_text("1")


def _hide_folders(place: Place) -> None:
    """The machine's folders are read through; what is written to them stays in the cluster's own."""
    for folder in FOLDERS:
        below = place.folder / "written" / folder.strip("/").replace("/", "-")
        for part in ("upper", "work"):
            (below / part).mkdir(parents=True)
        options = f"lowerdir={folder},upperdir={below}/upper,workdir={below}/work"
        run("mount", "-t", "overlay", place.name, "-o", options, folder)


def _hide_settings(folder: Path) -> None:
    folder.mkdir()
    for name, value in WISHES.items():
        file = folder / name.replace("/", ".")
        file.write_text(value + "\n")
        run("mount", "--bind", str(file), str(SYSTEM / name))

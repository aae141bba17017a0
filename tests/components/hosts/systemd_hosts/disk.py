"""The disk of a host: the template, never written, under a layer of its own with its names and keys."""

import os
import platform
import shutil
import subprocess
from pathlib import Path

from systemd_hosts import containers_disk
from systemd_hosts.fleet import Fleet, Host, Place
from systemd_hosts.programs import run
from systemd_hosts.template import built_template

# There are no modules here, but modprobe succeeds for a driver that is listed as built in.
BUILT_IN = (
    "block/zram/zram",
    "overlayfs/overlay",
    "bridge/bridge",
    "bridge/br_netfilter",
    "netfilter/nf_conntrack",
)
AUTHORITIES = ("/etc/ssl/certs/ca-certificates.crt", "/usr/local/share/ca-certificates")
PROXIES = ("http_proxy", "https_proxy")


def attach(fleet: Fleet, host: Host) -> None:
    """Mounts the host's root; the first time with names, keys and the machine's way to packages."""
    if mount(host, built_template(host.architecture)):
        _name(fleet, host)
        _let_in(fleet, host)
        prepare(host.root)


def mount(host: Place, *layers: Path) -> bool:
    """Lays the host's own layer over the others, the uppermost first; True where its own is new."""
    if host.root.is_mount():
        return False
    new = not (host.folder / "upper").exists()
    for name in ("upper", "work", "root"):
        (host.folder / name).mkdir(parents=True, exist_ok=True)
    lower = f"lowerdir={':'.join(str(layer) for layer in layers)}"
    upper = f"upperdir={host.folder}/upper,workdir={host.folder}/work"
    run("mount", "-t", "overlay", host.namespace, "-o", f"{lower},{upper}", str(host.root))
    return new


def prepare(root: Path) -> None:
    """Gives a new root the machine's way to packages, and a kernel it can ask for drivers."""
    reach_packages(root)
    _list_built_in_drivers(root)


def detach(host: Place) -> None:
    """Takes the disk away for good, and the second one."""
    containers_disk.take_away(host.folder)
    if host.root.is_mount():
        run("umount", str(host.root))
    shutil.rmtree(host.folder, ignore_errors=True)


def make_key(fleet: Fleet) -> None:
    if not fleet.key.exists():
        run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "kvx-hosts", "-f", str(fleet.key))


def write_known_hosts(fleet: Fleet) -> None:
    lines = []
    for host in fleet.hosts:
        key = (host.root / "etc/ssh/ssh_host_ed25519_key.pub").read_text().split()
        lines.append(f"{host.public_ip},{host.private_ip} {key[0]} {key[1]}\n")
    fleet.known_hosts.write_text("".join(lines))


def _name(fleet: Fleet, host: Host) -> None:
    (host.root / "etc/hostname").write_text(f"{host.name}\n")
    names = "".join(f"{each.private_ip} {each.name}\n" for each in fleet.hosts)
    (host.root / "etc/hosts").write_text(f"127.0.0.1 localhost\n{names}")


def _let_in(fleet: Fleet, host: Host) -> None:
    run(
        *("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", host.name),
        *("-f", str(host.root / "etc/ssh/ssh_host_ed25519_key")),
    )
    folder = host.root / "root/.ssh"
    folder.mkdir(mode=0o700, exist_ok=True)
    keys = folder / "authorized_keys"
    keys.write_text(fleet.key.with_suffix(".pub").read_text())
    keys.chmod(0o600)


def reach_packages(root: Path) -> None:
    for place in AUTHORITIES:
        source, target = Path(place), root / place.lstrip("/")
        if source.is_dir():
            shutil.copytree(source, target, dirs_exist_ok=True)
        elif source.is_file():
            shutil.copyfile(source, target)
    settings = [
        f'Acquire::{name.split("_")[0]}::Proxy "{os.environ[name]}";\n'
        for name in PROXIES
        if name in os.environ
    ]
    (root / "etc/apt/apt.conf.d/90machine").write_text("".join(settings))
    resolvers = root / "etc/resolv.conf"
    resolvers.unlink(missing_ok=True)
    resolvers.write_text(Path("/etc/resolv.conf").read_text())


def _list_built_in_drivers(root: Path) -> None:
    folder = root / "lib/modules" / platform.release()
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "modules.builtin").write_text("".join(f"kernel/drivers/{name}.ko\n" for name in BUILT_IN))
    for name in ("modules.order", "modules.builtin.modinfo"):
        (folder / name).touch()
    depmod = ["chroot", str(root), "depmod", "-a", platform.release()]
    subprocess.run(depmod, capture_output=True, timeout=60, check=False)

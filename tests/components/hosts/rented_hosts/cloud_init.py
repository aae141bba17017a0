"""The real cloud-init, as a layer over the hosts' template, and what it reads at the first boot."""

import hashlib
import json
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from rented_hosts.machine import Machine
from systemd_hosts import disk
from systemd_hosts.programs import run
from systemd_hosts.template import HostsError, built_template, template_folder

INSTALL_SECONDS = 600.0
SEED = "var/lib/cloud/seed/nocloud"
# As on Hetzner's own images: root logs in, and the network is there before cloud-init comes.
SETTINGS = {
    "datasource_list": ["NoCloud"],
    "disable_root": False,
    "users": [],
    "locale": False,
    "network": {"config": "disabled"},
    "apt": {"preserve_sources_list": True},
    "manage_etc_hosts": True,
}
# No host has a clock, a disk that grows, or a kernel of its own.
LEFT_OUT = ("growpart", "resizefs", "disk_setup", "mounts", "ntp", "timezone", "byobu", "landscape")


def layer_folder(architecture: str) -> Path:
    """Where the layer lies, or would; this file and the template decide what is in it."""
    template = template_folder(architecture)
    digest = hashlib.sha256(Path(__file__).read_bytes() + str(template).encode()).hexdigest()[:16]
    return template.parents[1] / f"hosts-cloud-init-{digest}" / architecture


def built_layers(architecture: str) -> tuple[Path, Path]:
    """The layer and the template below it, made first where they are missing: two minutes."""
    template, folder = built_template(architecture), layer_folder(architecture)
    if not folder.is_dir():
        folder.parent.mkdir(parents=True, exist_ok=True)
        print("machines: adding cloud-init to the hosts' template, about a minute", file=sys.stderr)
        unfinished = Path(tempfile.mkdtemp(prefix="unfinished.", dir=folder.parent))
        try:
            _install(unfinished, template)
            (unfinished / "upper").rename(folder)
        finally:
            shutil.rmtree(unfinished)
    return folder, template


def seed(machine: Machine) -> None:
    """Lays what the metadata service would answer where cloud-init looks for it."""
    folder = machine.root / SEED
    folder.mkdir(parents=True, exist_ok=True)
    about = {
        "instance-id": str(machine.number),
        "local-hostname": machine.name,
        "public-keys": list(machine.ssh_keys),
    }
    files = {"meta-data": json.dumps(about), "user-data": machine.user_data or "#cloud-config\n{}\n"}
    for name, text in files.items():
        (folder / name).touch(mode=0o600)
        (folder / name).write_text(text)
    (machine.root / "etc/hostname").write_text(f"{machine.name}\n")


def _install(folder: Path, template: Path) -> None:
    for name in ("upper", "work", "root"):
        (folder / name).mkdir()
    root, layers = folder / "root", f"lowerdir={template},upperdir={folder}/upper,workdir={folder}/work"
    run("mount", "-t", "overlay", "kvx-cloud-init", "-o", layers, str(root))
    try:
        disk.reach_packages(root)
        install = ["apt-get", "-qq", "install", "-y", "--no-install-recommends", "cloud-init"]
        for command in (["apt-get", "-qq", "update"], install):
            _in(root, *command)
        settings = root / "etc/cloud/cloud.cfg.d/90_simulated_hetzner.cfg"
        settings.write_text(json.dumps(SETTINGS))
        _leave_out_modules(root / "etc/cloud/cloud.cfg")
        (root / "etc/machine-id").write_text("")
    finally:
        run("umount", str(root))


def _in(root: Path, *command: str) -> None:
    chroot = ["nice", "chroot", str(root), "env", "DEBIAN_FRONTEND=noninteractive", *command]
    done = subprocess.run(chroot, capture_output=True, text=True, timeout=INSTALL_SECONDS, check=False)
    if done.returncode != 0:
        raise HostsError(f"{' '.join(command)}: {done.stderr[-2000:]}")


def _leave_out_modules(path: Path) -> None:
    """A list of modules cannot be shortened by a file beside it."""
    lines = path.read_text().splitlines(keepends=True)
    path.write_text("".join(line for line in lines if line.strip().removeprefix("- ") not in LEFT_OUT))

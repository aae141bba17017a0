"""Brings a fleet up, and takes it down so that nothing of it is left on the machine."""

import os
import platform
import shutil
import subprocess
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from systemd_hosts import control_groups, disk, machine_settings, network, power
from systemd_hosts.fleet import Fleet, Place, planned, standing, write_down
from systemd_hosts.programs import run, succeeds
from systemd_hosts.template import HostsError, built_template

PROGRAMS = {
    "systemd-nspawn": "systemd-container",
    "nft": "nftables",
    "ip": "iproute2",
    "ssh": "openssh-client",
    "ssh-keygen": "openssh-client",
}


# What the kernel calls each architecture, and what qemu is registered as for those that are not its own.
MACHINES = {"amd64": "x86_64", "arm64": "aarch64"}
INTERPRETERS = Path("/proc/sys/fs/binfmt_misc")


def missing() -> str | None:
    """Why no host can stand on this machine, None if one can."""
    if os.geteuid() != 0:
        return "hosts need root: they have namespaces, mounts and control groups of their own"
    for program, package in PROGRAMS.items():
        if shutil.which(program) is None:
            return f"{program} is missing; apt-get install {package}"
    return _no_mounts() or _no_control_groups() or _no_way_out()


def bring_up(number: int, count: int, architecture: str = "amd64") -> Fleet:
    """Hosts that answer by SSH. A fleet that stands is started where it is off, and never made another."""
    wanted, present = planned(number, count, architecture), standing(number)
    if count < 1:
        raise HostsError("ask for at least one host")
    if present is not None and present != wanted:
        raise HostsError(f"{len(present.hosts)} other hosts stand; take them away with `hosts down`")
    refuse_what_cannot_run(architecture)
    built_template(architecture)
    machine_settings.remember(wanted.folder)
    write_down(wanted)
    disk.make_key(wanted)
    network.lay(wanted)
    for host in wanted.hosts:
        if not network.is_plugged_in(host):
            network.plug_in(host)
        disk.attach(wanted, host)
        power.start(host)
    disk.write_known_hosts(wanted)
    with ThreadPoolExecutor(len(wanted.hosts)) as pool:
        list(pool.map(lambda host: power.await_login(wanted, host), wanted.hosts))
    return wanted


def refuse_what_cannot_run(architecture: str) -> None:
    machine = MACHINES[architecture]
    if platform.machine() != machine and not (INTERPRETERS / f"qemu-{machine}").exists():
        raise HostsError(
            f"{architecture} hosts need qemu here, registered for their programs; qemu-user 10 works"
        )


def bring_down(number: int) -> None:
    """Works for a fleet that came up only half, and for none."""
    fleet = standing(number) or Fleet(number, ())
    if fleet.hosts:
        with ThreadPoolExecutor(len(fleet.hosts)) as pool:
            list(pool.map(power.stop, fleet.hosts))
    for host in fleet.hosts:
        network.unplug(host)
        take_away(host)
    network.clear(fleet)
    shutil.rmtree(fleet.folder, ignore_errors=True)
    machine_settings.put_back()


def take_away(host: Place) -> None:
    """What a host that is off has left: its disk, its control groups, its folder."""
    disk.detach(host)
    control_groups.remove(host)
    shutil.rmtree(Path("/run/systemd/nspawn/propagate") / host.namespace, ignore_errors=True)


def _no_mounts() -> str | None:
    with tempfile.TemporaryDirectory() as folder:
        if not succeeds("mount", "-t", "tmpfs", "kvx-hosts", folder):
            return "no file system can be mounted here, though this is root: run outside of a container"
        run("umount", folder)
    return None


def _no_way_out() -> str | None:
    """A kernel may have nftables without what translates addresses; tried where nothing else is."""
    rules = "table ip t { chain c { type nat hook postrouting priority srcnat; masquerade; }; }"
    trial = subprocess.run(
        ["unshare", "--net", "nft", rules], capture_output=True, text=True, timeout=60, check=False
    )
    if trial.returncode == 0:
        return None
    said = trial.stderr.strip().partition("\n")[0]
    return f"addresses cannot be translated here ({said}): the kernel needs nf_tables, nft_masq and nf_nat"


def _no_control_groups() -> str | None:
    if not control_groups.hierarchies():
        return f"no control groups are mounted below {control_groups.MOUNTS}"
    for hierarchy in control_groups.hierarchies():
        trial = hierarchy / f"kvx-hosts-trial{os.getpid()}"
        try:
            trial.mkdir(exist_ok=True)
            trial.rmdir()
        except OSError as error:
            return f"no control group can be made in {hierarchy}: {error.strerror}"
    return None

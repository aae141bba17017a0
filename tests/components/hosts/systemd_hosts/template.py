"""Makes the Debian 12 root file system that every host starts from, once for each architecture."""

import hashlib
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

RELEASE = "bookworm"
PACKAGES = (
    *(
        "systemd",
        "systemd-sysv",
        "libpam-systemd",
        "dbus",
        "openssh-server",
        "sudo",
        "python3",
        "python3-apt",
    ),
    *("iproute2", "ca-certificates", "openssl", "procps", "kmod"),
)
# None of these can work in a host, or it would take the lock of the package system when a role needs it.
MASKED_UNITS = (
    *("apt-daily.timer", "apt-daily-upgrade.timer", "apt-daily.service", "apt-daily-upgrade.service"),
    *("console-getty.service", "getty@.service", "e2scrub_all.timer", "systemd-timesyncd.service"),
)
# They set values that belong to the whole machine, not to one host.
MASKED_SYSCTL_FILES = ("50-default.conf", "50-pid-max.conf", "99-protect-links.conf")
# nspawn mounts the controllers of cgroup v1 read-only; writable, systemd enforces MemoryMax= and the rest.
FIRST_PROGRAM = """#!/bin/sh
for controller in cpu cpuacct cpuset memory devices freezer blkio pids; do
    mount -o remount,rw,bind,nosuid,nodev,noexec "/sys/fs/cgroup/$controller" 2>/dev/null
done
exec /lib/systemd/systemd "$@"
"""
BUILD_SECONDS = 900.0


class HostsError(Exception):
    """Something about the hosts that a person can put right; the words say what and how."""


def template_folder(architecture: str) -> Path:
    """Where the template lies, or would; this file decides what is in it, so its digest names the folder."""
    digest = hashlib.sha256(Path(__file__).read_bytes()).hexdigest()[:16]
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return cache / "kvx" / "components" / f"hosts-{digest}" / architecture


def built_template(architecture: str) -> Path:
    """The template, made first where it is missing: a minute, for a foreign architecture five."""
    folder = template_folder(architecture)
    if folder.is_dir():
        return folder
    if shutil.which("mmdebstrap") is None:
        raise HostsError("mmdebstrap is missing; apt-get install mmdebstrap")
    folder.parent.mkdir(parents=True, exist_ok=True)
    print(f"hosts: making a Debian root file system for {architecture}, about a minute", file=sys.stderr)
    unfinished = Path(tempfile.mkdtemp(prefix="unfinished.", dir=folder.parent))
    try:
        _fill(unfinished / "root", architecture)
        (unfinished / "root").rename(folder)
    finally:
        shutil.rmtree(unfinished)
    return folder


def _fill(root: Path, architecture: str) -> None:
    archive, log = root.with_suffix(".tar"), root.with_suffix(".log")
    with log.open("wb") as output:
        made = subprocess.run(
            _mmdebstrap(archive, architecture),
            stdout=output,
            stderr=output,
            timeout=BUILD_SECONDS,
            check=False,
        )
    if made.returncode != 0:
        raise HostsError(f"mmdebstrap failed: {log.read_text(errors='replace')[-2000:]}")
    root.mkdir()
    subprocess.run(["tar", "-xf", archive, "-C", root], timeout=BUILD_SECONDS, check=True)
    _settle(root)


def _mmdebstrap(archive: Path, architecture: str) -> list[str]:
    main, security = _mirror(RELEASE), _mirror(f"{RELEASE}-security")
    if main is None:
        raise HostsError(f"no source of Debian {RELEASE} is set up for apt on this machine; add one")
    return [
        *("nice", "mmdebstrap", "--variant=minbase", f"--architectures={architecture}"),
        # Emptied package lists would look fresh to Ansible's cache_valid_time.
        *(
            "--skip=cleanup/apt/lists",
            f"--include={','.join(PACKAGES)}",
            '--aptopt=Acquire::Languages "none"',
        ),
        *("--dpkgopt=path-exclude=/usr/share/man/*", "--dpkgopt=path-exclude=/usr/share/locale/*"),
        *(RELEASE, str(archive), f"deb {main} {RELEASE} main", f"deb {main} {RELEASE}-updates main"),
        *([f"deb {security} {RELEASE}-security main"] if security else []),
    ]


def _mirror(release: str) -> str | None:
    """The place this machine's own apt takes a release from."""
    question = ["apt-get", "indextargets", "--format", "$(SITE) $(RELEASE)", "Created-By: Packages"]
    answer = subprocess.run(question, capture_output=True, text=True, timeout=30, check=True).stdout
    known = {line.split()[1]: line.split()[0] for line in answer.splitlines()}
    return known.get(release)


def _settle(root: Path) -> None:
    for key in (root / "etc/ssh").glob("ssh_host_*"):
        key.unlink()
    (root / "etc/machine-id").write_text("")
    for unit in MASKED_UNITS:
        _mask(root / "etc/systemd/system" / unit)
    for name in MASKED_SYSCTL_FILES:
        _mask(root / "etc/sysctl.d" / name)
    first_program = root / "sbin/first-program"
    first_program.write_text(FIRST_PROGRAM)
    first_program.chmod(0o755)


def _mask(path: Path) -> None:
    path.unlink(missing_ok=True)
    path.symlink_to("/dev/null")

"""What hosts may change on the whole machine, its kernel being one: written down before, put back after."""

import fcntl
import json
import os
import re
import shutil
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from systemd_hosts.fleet import STATE
from systemd_hosts.programs import replace_file, succeeds

SETTINGS = STATE / "settings.json"
LOCK = Path("/run/lock/kvx-hosts")
BOOT = Path("/proc/sys/kernel/random/boot_id")
FOLDERS = ("/proc/sys/kernel", "/proc/sys/vm", "/proc/sys/fs", "/proc/sys/net/core")
FILES = (
    *("/proc/sys/net/ipv4/ip_forward", "/proc/irq/default_smp_affinity"),
    *("/sys/kernel/mm/transparent_hugepage/enabled", "/sys/kernel/mm/transparent_hugepage/defrag"),
)
# They count or command; they set nothing.
NO_SETTINGS = {"ns_last_pid", "drop_caches", "compact_memory", "stat_refresh", "unregister", "register"}
ZRAM = "zram*"
# Clusters of tests/components/node need more than there were, and put that back themselves.
WATCHERS, CLUSTERS = Path("/proc/sys/fs/inotify/max_user_instances"), Path("/srv/kvx-nodes/watchers-before")


def remember(folder: Path) -> None:
    """Once, before the first host of any fleet; the fleet's folder says that there is one more."""
    with _alone():
        folder.mkdir(parents=True, exist_ok=True)
        if _remembered() is None:
            values = {str(path): value for path in _files() if (value := _value(path)) is not None}
            found = {"boot": BOOT.read_text(), "values": values, "zram": _zram_devices()}
            replace_file(SETTINGS, json.dumps(found))


def put_back() -> None:
    """Where no fleet stands any more."""
    with _alone():
        if STATE.is_dir() and not any(path.is_dir() for path in STATE.iterdir()):
            _put_back()
            shutil.rmtree(STATE)


def _remembered() -> dict[str, Any] | None:
    """What was written down since this machine was started; a start of it has put all back."""
    known: dict[str, Any] = json.loads(SETTINGS.read_text()) if SETTINGS.exists() else {}
    return known if known.get("boot", BOOT.read_text()) == BOOT.read_text() and known else None


@contextmanager
def _alone() -> Iterator[None]:
    with LOCK.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _put_back() -> None:
    before = _remembered()
    if before is None:
        return
    for device in set(_zram_devices()) - set(before["zram"]):
        _remove_zram(device)
    for path, value in before["values"].items():
        if _value(Path(path)) != value and not (Path(path) == WATCHERS and CLUSTERS.exists()):
            Path(path).write_text(value)


def _files() -> Iterator[Path]:
    yield from (Path(file) for file in FILES if Path(file).exists())
    yield from Path("/proc/irq").glob("*/smp_affinity")
    for folder in FOLDERS:
        for path in Path(folder).rglob("*"):
            if path.is_file() and path.stat().st_mode & 0o200 and path.name not in NO_SETTINGS:
                yield path


def _value(path: Path) -> str | None:
    """Of a list with the chosen one in brackets, the chosen one; None for what cannot be read."""
    try:
        text = path.read_text().strip()
    except (OSError, UnicodeDecodeError):
        return None
    chosen = re.search(r"\[(\w+)\]", text)
    return chosen.group(1) if chosen else text


def _zram_devices() -> list[str]:
    return [path.name for path in Path("/sys/block").glob(ZRAM)]


def _remove_zram(device: str) -> None:
    """By a node of our own: that of the host is gone with it, and so may be the name it swaps under."""
    major, minor = Path(f"/sys/block/{device}/dev").read_text().split(":")
    with tempfile.TemporaryDirectory() as folder:
        node = Path(folder) / device
        os.mknod(node, 0o600 | stat.S_IFBLK, os.makedev(int(major), int(minor)))
        succeeds("swapoff", str(node))  # it fails where the device is no swap
    Path("/sys/class/zram-control/hot_remove").write_text(device.removeprefix("zram"))

"""How many programs of one user may watch files at once: 128 are too few for a cluster beside other hosts.

It is the one setting of the whole machine that is changed; what it was is kept beside the clusters, and put
back with the last of them, or by the hosts of tests/components/hosts where these stand longer.
"""

import fcntl
import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from one_node.place import FOLDERS

SETTING = Path("/proc/sys/fs/inotify/max_user_instances")
ENOUGH = 1024
BEFORE = FOLDERS / "watchers-before"
LOCK = Path("/run/lock/kvx-nodes")
HOSTS, HOSTS_LOCK = Path("/var/lib/kvx-hosts/settings.json"), Path("/run/lock/kvx-hosts")


def allow() -> None:
    with _alone(LOCK), _alone(HOSTS_LOCK):
        now = SETTING.read_text()
        if not BEFORE.exists():
            BEFORE.write_text(_hosts_settings()["values"].get(str(SETTING), now))
        if int(now) < ENOUGH:
            SETTING.write_text(str(ENOUGH))


def put_back() -> None:
    """Where no cluster's folder is left: by whoever stands longest."""
    with _alone(LOCK), _alone(HOSTS_LOCK):
        if not BEFORE.exists() or any(each.is_dir() for each in FOLDERS.iterdir()):
            return
        if HOSTS.exists():
            found = _hosts_settings()
            found["values"][str(SETTING)] = BEFORE.read_text()
            HOSTS.write_text(json.dumps(found))
        else:
            SETTING.write_text(BEFORE.read_text())
        BEFORE.unlink()


def _hosts_settings() -> dict[str, Any]:
    """What hosts found when the first of them began; nothing where none stand."""
    return json.loads(HOSTS.read_text()) if HOSTS.exists() else {"values": {}}


@contextmanager
def _alone(lock: Path) -> Iterator[None]:
    with lock.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield

"""How many programs of one user may watch files at once: 128 are too few for a cluster beside other hosts.

It is the one setting of the whole machine that is changed; what it was is kept beside the clusters, and put
back with the last of them.
"""

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from one_node.place import FOLDERS

SETTING = Path("/proc/sys/fs/inotify/max_user_instances")
ENOUGH = 1024
BEFORE = FOLDERS / "watchers-before"


def allow() -> None:
    with _alone():
        now = int(SETTING.read_text())
        if now < ENOUGH:
            BEFORE.write_text(str(now))
            SETTING.write_text(str(ENOUGH))


def put_back() -> None:
    """Where no cluster's folder is left, and nobody has set something else meanwhile."""
    with _alone():
        if not BEFORE.exists() or any(each.is_dir() for each in FOLDERS.iterdir()):
            return
        if int(SETTING.read_text()) == ENOUGH:
            SETTING.write_text(BEFORE.read_text())
        BEFORE.unlink()


@contextmanager
def _alone() -> Iterator[None]:
    with Path("/run/lock/kvx-nodes").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield

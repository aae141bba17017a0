"""One run at a time: an exclusive file that names its owner and expires when it is not renewed."""

import fcntl
import getpass
import json
import os
import secrets
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from kvx.errors import ExitCode, KvxError

TIME_TO_LIVE_SECONDS = 120.0
START_TOLERANCE_SECONDS = 2.0
ATTEMPTS = 20


@dataclass(frozen=True, slots=True)
class Owner:
    """Who holds the lock; `started` is when the process began, all times in seconds since 1970."""

    user: str
    host: str
    pid: int
    started: float
    command: str
    since: float
    expires: float
    token: str

    @property
    def words(self) -> str:
        since = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(self.since))
        return f"{self.user}@{self.host}, process {self.pid}, `{self.command}` since {since}"


class LockHeldError(KvxError):
    """Somebody else holds the lock, and may still be at work."""

    def __init__(self, path: Path, owner: Owner) -> None:
        expires = time.strftime("%H:%M:%S", time.localtime(owner.expires))
        here = owner.host == socket.gethostname()
        end_it = f"kill {owner.pid}" if here else f"end it on {owner.host}"
        fix = f"wait for it (--wait-for-lock 600), or {end_it}; not renewed, its lock expires at {expires}"
        message = f"another kvx works on {path.parent}: {owner.words}"
        super().__init__(message, fix, ExitCode.MISSING)


class Lock:
    """A lock that is held; it renews itself until it is released or lost."""

    def __init__(
        self, path: Path, owner: Owner, now: Callable[[], float], time_to_live_seconds: float
    ) -> None:
        self._path = path
        self._owner = owner
        self._now = now
        self._time_to_live_seconds = time_to_live_seconds
        self._released = threading.Event()
        self._renewing = threading.Thread(target=self._keep_renewing, name="kvx lock", daemon=True)
        self.lost = False
        """Whether the lock expired while this process slept, and somebody else took it."""
        self._renewing.start()

    def release(self) -> None:
        """Give the lock back; nothing happens where the file is gone already."""
        self._released.set()
        self._renewing.join()
        with suppress(FileNotFoundError), _alone(self._path.parent):
            if self._is_ours():
                self._path.unlink(missing_ok=True)

    def _keep_renewing(self) -> None:
        while not self._released.wait(self._time_to_live_seconds / 4):
            self._renew()

    def _renew(self) -> None:
        with suppress(OSError), _alone(self._path.parent):  # a full disk now may be mended by the next time
            self.lost = not self._is_ours()
            if not self.lost:
                expires = self._now() + self._time_to_live_seconds
                draft = _draft(self._path, replace(self._owner, expires=expires))
                draft.replace(self._path)

    def _is_ours(self) -> bool:
        owner = holder(self._path)
        return owner is not None and owner.token == self._owner.token


def acquire(
    path: Path,
    command: str,
    now: Callable[[], float] = time.time,
    note: Callable[[str], None] = lambda _words: None,
    time_to_live_seconds: float = TIME_TO_LIVE_SECONDS,
) -> Lock:
    """Take the lock, over from a dead or expired owner if need be, which `note` is told.

    Raises LockHeldError (exit code 3) where somebody else may be at work.
    """
    owner = _ourselves(command, now(), time_to_live_seconds)
    for _ in range(ATTEMPTS):
        path.parent.mkdir(parents=True, exist_ok=True)
        # A cleanup may remove the folder in between; then it is made again.
        with suppress(FileNotFoundError), _alone(path.parent):
            _clear(path, now(), note)
            _link(path, owner)
            return Lock(path, owner, now, time_to_live_seconds)
    raise KvxError(
        f"{path.parent} is removed again and again", "end what removes it, then run the command again"
    )


def holder(path: Path) -> Owner | None:
    """Who holds the lock now, None where nobody does or the file is damaged."""
    try:
        owner = Owner(**json.loads(path.read_bytes()))
    except (FileNotFoundError, ValueError, TypeError):
        return None
    times = (owner.pid, owner.started, owner.since, owner.expires)
    return owner if all(isinstance(time, int | float) for time in times) else None


def _clear(path: Path, now: float, note: Callable[[str], None]) -> None:
    """Take away a lock that nobody needs any more; LockHeldError where somebody may."""
    for draft in path.parent.glob(f".{path.name}.*"):
        draft.unlink()  # its writer was killed: drafts exist only while their writer is alone here
    if not path.exists():
        return
    owner = holder(path)
    if owner is None:
        note(f"the damaged lock {path} was taken away")
    elif owner.expires < now:
        note(f"took over the lock of {owner.words}: it expired")
    elif owner.host == socket.gethostname() and not _lives(owner):
        note(f"took over the lock of {owner.words}: that process has ended")
    else:
        raise LockHeldError(path, owner)
    path.unlink()


def _link(path: Path, owner: Owner) -> None:
    """Written whole under another name, then linked: the name appears at once, or another's is there."""
    draft = _draft(path, owner)
    try:
        os.link(draft, path)
    except FileExistsError:
        other = holder(path)
        raise LockHeldError(path, other or owner) from None
    finally:
        draft.unlink(missing_ok=True)


def _draft(path: Path, owner: Owner) -> Path:
    draft = path.with_name(f".{path.name}.{owner.token}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    with os.fdopen(descriptor, "w") as file:
        json.dump(asdict(owner), file)
        file.flush()
        os.fsync(descriptor)
    return draft


def _ourselves(command: str, now: float, time_to_live_seconds: float) -> Owner:
    pid = os.getpid()
    expires = now + time_to_live_seconds
    return Owner(
        _user(), socket.gethostname(), pid, _started(pid) or now, command, now, expires, secrets.token_hex(8)
    )


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container may run under a number that has no name
        return str(os.getuid())


def _started(pid: int) -> float | None:
    """When a process began, None where there is none (a zombie is none)."""
    import psutil

    try:
        process = psutil.Process(pid)
        return None if process.status() == psutil.STATUS_ZOMBIE else process.create_time()
    except psutil.NoSuchProcess:
        return None


def _lives(owner: Owner) -> bool:
    started = _started(owner.pid)
    return started is not None and abs(started - owner.started) <= START_TOLERANCE_SECONDS


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Nobody else on this machine looks at the lock meanwhile; held for moments only."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        with suppress(OSError):  # some network file systems have no flock; linking is exclusive there too
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        if not os.path.samestat(os.fstat(descriptor), folder.stat()):
            raise FileNotFoundError(folder)
        yield
    finally:
        os.close(descriptor)

"""Which process is meant: a number alone is reused, a number with its time of birth is not."""

import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

_BOOT_ID = Path("/proc/sys/kernel/random/boot_id")


@dataclass(frozen=True, slots=True)
class Process:
    """A process by number and time of birth, in the words of the system it runs on."""

    pid: int
    birth: str

    @property
    def alive(self) -> bool:
        return birth(self.pid) == self.birth


def birth(pid: int) -> str | None:
    """When process `pid` was born; None when there is none, or when it has ended and waits to be reaped."""
    return _birth_on_linux(pid) if sys.platform == "linux" else _birth_by_ps(pid)


def process(pid: int) -> Process | None:
    born = birth(pid)
    return Process(pid, born) if born else None


def _birth_on_linux(pid: int) -> str | None:
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return None
    state, ticks_since_boot = fields[0], fields[19]
    return None if state in "ZX" else f"{_BOOT_ID.read_text()[:8]}-{ticks_since_boot}"


def _birth_by_ps(pid: int) -> str | None:
    answer = subprocess.run(
        ["/bin/ps", "-o", "stat=,lstart=", "-p", str(pid)],
        capture_output=True,
        text=True,
        timeout=5,
        check=False,
    )
    state, _, born = answer.stdout.strip().partition(" ")
    return born.strip() if born and not state.startswith("Z") else None

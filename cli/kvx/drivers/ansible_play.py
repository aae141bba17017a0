"""A run of a playbook as a value: what is asked for, and what came of it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from kvx.secret import Secret


@dataclass(frozen=True, slots=True)
class Play:
    """A playbook and what it is run with; `folder` is `.kvx/TARGET`, which holds the inventory.

    `secrets` reach the playbook as environment variables, and nothing else sees them. `check` changes
    nothing and tells differences. `workplace` is where under `folder` its files lie: playbooks that may run
    at the same time need one each. Of the task called `answers_of` every host's result is kept.
    """

    playbook: Path
    folder: Path
    variables: Mapping[str, object] = field(default_factory=dict)
    variables_file: Path | None = None
    secrets: Mapping[str, Secret] = field(default_factory=dict)
    limit: tuple[str, ...] = ()
    check: bool = False
    deadline_seconds: float = 3600
    forks: int = 10
    workplace: str = "ansible"
    answers_of: str = ""

    @property
    def place(self) -> Path:
        return self.folder / self.workplace


@dataclass(frozen=True, slots=True)
class HostResult:
    """How many tasks ended how on one host."""

    ok: int = 0
    changed: int = 0
    failed: int = 0
    unreachable: int = 0
    skipped: int = 0

    @property
    def good(self) -> bool:
        return not self.failed and not self.unreachable


@dataclass(frozen=True, slots=True)
class Change:
    """A task that changed a host, or would; `diff` is empty where the task tells none."""

    host: str
    role: str
    task: str
    diff: str = ""


@dataclass(frozen=True, slots=True)
class Failure:
    """A task that failed on a host, in the words of the task, or all of ssh's where it was not reached."""

    host: str
    role: str
    task: str
    words: str
    unreachable: bool = False


@dataclass(frozen=True, slots=True)
class Played:
    """A playbook that ran to its end on every host."""

    hosts: Mapping[str, HostResult]
    changes: tuple[Change, ...]
    seconds: float
    log: Path

    @property
    def changed(self) -> bool:
        return any(result.changed for result in self.hosts.values())

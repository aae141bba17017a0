"""What a playbook would change, for people: hosts that change alike together, differences kept short."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

MOST_LINES = 12
MOST_LETTERS = 100


@dataclass(frozen=True, slots=True)
class NodeChange:
    """A task that would change a host; `diff` is a unified difference, empty where the task tells none."""

    host: str
    role: str
    task: str
    diff: str = ""


@dataclass(frozen=True, slots=True)
class Alike:
    """Hosts on which the same tasks would change the same: role, task, and what people see of each."""

    hosts: tuple[str, ...]
    changes: tuple[tuple[str, str, tuple[str, ...]], ...]


def alike(changes: Iterable[NodeChange], hosts: Sequence[str]) -> tuple[Alike, ...]:
    """Every host once, in the order of `hosts`, with those that would change alike; without changes last."""
    found: dict[tuple[tuple[str, str, tuple[str, ...]], ...], list[str]] = {}
    every = tuple(changes)
    for host in dict.fromkeys((*hosts, *(each.host for each in every))):
        own = tuple((each.role, each.task, tuple(short(each.diff))) for each in every if each.host == host)
        found.setdefault(own, []).append(host)
    groups = [Alike(tuple(together), what) for what, together in found.items()]
    return tuple(sorted(groups, key=lambda group: not group.changes))


def short(diff: str) -> Iterator[str]:
    """The lines that come and go, with the file they are in; what is too long or too many is cut off."""
    lines = [line for line in diff.splitlines() if not line.startswith(("@@", "--- ", "\\ No newline"))]
    moving = [_named(line) for line in lines if line.startswith(("+", "-"))]
    yield from (_cut(line) for line in moving[:MOST_LINES])
    if len(moving) > MOST_LINES:
        yield f"... {len(moving) - MOST_LINES} more lines"


def _named(line: str) -> str:
    """The head of a difference names the file, and by Ansible's word for it the side."""
    if line.startswith("+++ "):
        return line.removeprefix("+++ ").removeprefix("after: ").strip()
    return line


def _cut(line: str) -> str:
    return line if len(line) <= MOST_LETTERS else f"{line[: MOST_LETTERS - 4]} ..."

"""What kvx nodes upgrade is going to do, in order and in words; and the same for programs."""

from collections.abc import Iterator, Sequence

from kvx.commands.nodes_table import listed
from kvx.errors import KvxError
from kvx.nodes.overview import Node, Overview
from kvx.nodes.versions import Ascent, version_of


def lines_of(
    found: Overview, way: Ascent | None, wrong: KvxError | None, version: str, agents_at_once: int
) -> list[str]:
    """What will happen, in order, before anything is done."""
    head = (
        f"kvx nodes upgrade brings the cluster {found.cluster} to k3s {version}.",
        "Nothing has been done yet.",
    )
    tail = (
        "Each is drained first, and must be ready with that version before the next one's",
        "turn. It stops at the first that fails, and the same command goes on there.",
    )
    if way is None:
        why = wrong.message if wrong else "Kubernetes does not answer"
        unknown = ("Which version each of them has is looked at in its turn, for now", f"{why}.")
        first = "First etcd is saved, then servers go one by one, then agents."
        return [*head, "", *unknown, "", first, *tail]
    numbered = (f"  {number:>2}. {words}" for number, words in enumerate(_steps(way, agents_at_once), 1))
    steps = [line for words in numbered for line in words.splitlines()]
    return [*head, "", *steps, *(f"      {words}" for words in _already(way)), "", *_not_ready(found), *tail]


def plan_data(found: Overview, way: Ascent | None, version: str, agents_at_once: int) -> dict[str, object]:
    known = way or Ascent(version, (), (), (), ())
    return {
        "cluster": found.cluster,
        "version": version,
        "agents_at_once": agents_at_once,
        "answered": found.answered,
        "servers": _rows(known.servers),
        "agents": _rows(known.agents),
        "there": [node.name for node in known.there],
    }


def _rows(nodes: Sequence[Node]) -> list[dict[str, str]]:
    return [{"name": node.name, "version": version_of(node)} for node in nodes]


def _steps(way: Ascent, agents_at_once: int) -> Iterator[str]:
    yield "save etcd: the snapshot is the way back"
    for node in way.servers:
        yield _change(node, way.version)
    for first in range(0, len(way.agents), agents_at_once):
        group = way.agents[first : first + agents_at_once]
        changes = "\n               ".join(_change(node, way.version) for node in group)
        yield changes if len(group) == 1 else f"at once: {changes}"
    for node in way.cordoned:
        yield f"{node.name}: let pods come again"


def _change(node: Node, version: str) -> str:
    return f"{node.name}: {version_of(node) or 'unknown'} becomes {version}"


def _not_ready(found: Overview) -> list[str]:
    lines = [
        f"{node.name} is not ready: {listed(node.living.reasons)}." for node in found.not_ready if node.living
    ]
    return [*lines, ""] if lines else []


def _already(way: Ascent) -> Iterator[str]:
    names = [node.name for node in way.there if node not in way.cordoned]
    if names:
        yield f"{listed(names)}: there already"

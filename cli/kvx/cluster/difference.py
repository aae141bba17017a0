"""What applying would change, object by object, as a person reads it."""

import difflib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from kvx.cluster.masks import masked, shown
from kvx.cluster.order import Key, Object, key_of

CONTEXT_LINES = 3
Kind = Literal["added", "changed", "removed"]
# Writes a value as YAML; a parameter, as this part knows no library.
Writer = Callable[[dict[str, Any]], str]


@dataclass(frozen=True, slots=True)
class Change:
    """One object and what happens to it; before and after are as they may be shown."""

    kind: Kind
    key: Key
    before: dict[str, Any] | None
    after: dict[str, Any] | None
    checked: bool = True
    """Whether the server has looked at it: it cannot, while namespace or definition are not there."""

    @property
    def words(self) -> str:
        """`Deployment voice-api in kvx`."""
        _, kind, namespace, name = self.key
        return f"{kind} {name}" + (f" in {namespace}" if namespace else "")


def change_of(live: Object | None, wanted: Object | None, *, checked: bool = True) -> Change | None:
    """None where there is none; `wanted` is what the server's dry run made of it, None to remove it."""
    before, after = masked(shown(live), shown(wanted))
    item = live if wanted is None else wanted
    if item is None or _plain(shown(live)) == _plain(shown(wanted)):
        return None
    kind: Kind = "added" if live is None else "removed" if wanted is None else "changed"
    return Change(kind, key_of(item), before, after, checked)


def hunks(change: Change, write: Writer) -> tuple[str, ...]:
    """The lines of a unified diff, without its head."""
    old = write(change.before).splitlines() if change.before is not None else []
    new = write(change.after).splitlines() if change.after is not None else []
    lines = difflib.unified_diff(old, new, n=CONTEXT_LINES, lineterm="")
    return tuple(line for line in lines if not line.startswith(("--- ", "+++ ")) or line[3:].strip())


def summary(changes: Sequence[Change]) -> str:
    """`1 added, 2 changed, 1 removed`, or that nothing differs."""
    counts = [(kind, sum(each.kind == kind for each in changes)) for kind in ("added", "changed", "removed")]
    return ", ".join(f"{count} {kind}" for kind, count in counts if count) or "nothing differs"


def _plain(value: Any) -> Any:
    """Without what says nothing: empty mappings and lists, as servers drop them or put them in."""
    if isinstance(value, dict):
        inner = {key: _plain(each) for key, each in value.items()}
        return {key: each for key, each in inner.items() if each not in ({}, [], None)}
    return [_plain(each) for each in value] if isinstance(value, list) else value

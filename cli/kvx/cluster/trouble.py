"""What keeps a new version from serving, in words, and for how long it may."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

Object = Mapping[str, Any]
AT_ONCE = 0.0


class Log(NamedTuple):
    """Where the last words of a container are; those of the one before it, if `previous`."""

    pod: str
    container: str
    previous: bool


@dataclass(frozen=True, slots=True)
class Trouble:
    """`kind` is stable, for programs. `patience_seconds` None: it may pass before the deadline."""

    kind: str
    words: str
    fix: str
    patience_seconds: float | None = None
    pod: str | None = None
    log: Log | None = None

    @property
    def whole(self) -> str:
        return f"pod {self.pod} {self.words}" if self.pod else self.words


def without_repetition(troubles: tuple[Trouble, ...]) -> tuple[Trouble, ...]:
    """One of those that differ in nothing but the pod, with how many more there are of it."""
    groups: dict[tuple[str, str], list[Trouble]] = {}
    for trouble in troubles:
        groups.setdefault((trouble.kind, trouble.words), []).append(trouble)
    return tuple(_one_of(group) for group in groups.values())


def standing(since: Mapping[str, float], troubles: tuple[Trouble, ...], now: float) -> Mapping[str, float]:
    """Since when there has been trouble of each kind; what has passed is forgotten."""
    return {trouble.kind: since.get(trouble.kind, now) for trouble in troubles}


def hopeless(troubles: tuple[Trouble, ...], since: Mapping[str, float], now: float) -> Trouble | None:
    """The first trouble that has stood for longer than it may."""
    for trouble in troubles:
        patience = trouble.patience_seconds
        if patience is not None and now - since.get(trouble.kind, now) >= patience:
            return trouble
    return None


def _one_of(group: list[Trouble]) -> Trouble:
    more = len(group) - 1
    if not more:
        return group[0]
    others = f"{more} other pod{'s' if more > 1 else ''}"
    return replace(group[0], words=f"{group[0].words} (and so with {others})")

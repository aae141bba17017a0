"""How much harm a call can do, from its function and what its arguments meet. Pure; denies by default."""

from collections.abc import Callable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Literal, TypeAlias, get_args

LARGE_FACTOR = 4
LARGE_DIFFERENCE = 20
MANY_OBJECTS = 10
PROTECTED_NAMESPACES = frozenset({"kube-system", "kube-public", "kube-node-lease", "kvx"})

Environment: TypeAlias = Literal["development", "staging", "production"]
EVERY_ENVIRONMENT: tuple[Environment, ...] = get_args(Environment)


class Level(StrEnum):
    """What a call may do to a cluster, the harmless first."""

    READ_ONLY = "READ_ONLY"
    WRITE_SAFE = "WRITE_SAFE"
    DESTRUCTIVE = "DESTRUCTIVE"
    ADMIN_ONLY = "ADMIN_ONLY"
    DENIED = "DENIED"

    @property
    def severity(self) -> int:
        return SEVERITY.index(self)


SEVERITY = tuple(Level)


@dataclass(frozen=True, slots=True)
class Replicas:
    """How many there are wanted now (None where that is not known) and how many it shall be."""

    before: int | None
    after: int


@dataclass(frozen=True, slots=True)
class Circumstances:
    """What a call meets in the cluster; the defaults are what is assumed where nothing is known.

    environment  of the cluster or namespace; None is treated as production
    namespaces   that it touches
    objects      how many it touches; None where that is not known, as with a selector
    replicas     where it changes how many there are
    """

    environment: Environment | None = None
    namespaces: frozenset[str] = frozenset()
    objects: int | None = None
    replicas: Replicas | None = None
    protected: frozenset[str] = field(default=PROTECTED_NAMESPACES)


@dataclass(frozen=True, slots=True)
class Judgement:
    """A level, and in words what raised it; no reasons where it is the function's own."""

    level: Level
    reasons: tuple[str, ...]


def judged(level: Level | None, met: Circumstances) -> Judgement:
    """The level of one call of a function with this level; None is a function that nobody knows."""
    if level is None:
        return Judgement(Level.DENIED, ("nobody knows this function",))
    if level is Level.READ_ONLY:
        return Judgement(level, ())
    raises = [raised for danger in DANGERS if (raised := danger(level, met))]
    highest = max((level, *(to for to, _ in raises)), key=lambda each: each.severity)
    return Judgement(highest, tuple(why for to, why in raises if to.severity > level.severity))


Raise: TypeAlias = tuple[Level, str]


def _protected(_: Level, met: Circumstances) -> Raise | None:
    inside = sorted(met.namespaces & (met.protected | PROTECTED_NAMESPACES))
    return (Level.DENIED, f"{inside[0]} is protected") if inside else None


def _production(level: Level, met: Circumstances) -> Raise | None:
    if met.environment in {"development", "staging"}:
        return None
    why = "it is production" if met.environment else "its environment is not known"
    return SEVERITY[min(level.severity + 1, Level.ADMIN_ONLY.severity)], why


def _bulk(_: Level, met: Circumstances) -> Raise | None:
    if met.objects is None:
        return Level.ADMIN_ONLY, "how many objects it touches is not known"
    if met.objects > MANY_OBJECTS:
        return Level.ADMIN_ONLY, f"it touches {met.objects} objects"
    return (Level.DESTRUCTIVE, f"it touches {met.objects} objects") if met.objects > 1 else None


def _no_replicas(_: Level, met: Circumstances) -> Raise | None:
    if met.replicas is None or met.replicas.after > 0:
        return None
    return Level.DESTRUCTIVE, "nothing of it would be left running"


def _large_jump(_: Level, met: Circumstances) -> Raise | None:
    if met.replicas is None:
        return None
    if met.replicas.before is None:
        return Level.DESTRUCTIVE, "how many there are now is not known"
    few, many = sorted((met.replicas.before, met.replicas.after))
    if many - few > LARGE_DIFFERENCE or many > LARGE_FACTOR * max(few, 1):
        return Level.DESTRUCTIVE, f"from {met.replicas.before} to {met.replicas.after} is a large jump"
    return None


DANGERS: tuple[Callable[[Level, Circumstances], Raise | None], ...] = (
    _protected,
    _production,
    _bulk,
    _no_replicas,
    _large_jump,
)
"""Each may raise the level, none can lower it: the highest counts."""

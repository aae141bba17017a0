"""What lives beside what was released: every value of the release, looked up in the live object.

What the server has added by itself is in no release and no difference; what is of a kind that was not
listed is not looked at.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from kvx.cluster.overview_amounts import same
from kvx.cluster.pods import name_of
from kvx.cluster.trouble import Object

_MOST_FIELDS = 5
# Lists whose items are known by more than their place.
_KEYS = ("name", "containerPort", "port", "mountPath", "type", "key", "topologyKey")


@dataclass(frozen=True, slots=True)
class Difference:
    """An object that is not as it was released; `words` names fields and no values: they may be private."""

    what: str
    words: str


@dataclass(frozen=True, slots=True)
class Drift:
    """Differences, how many objects were looked at, and of which kinds; the others were not asked for."""

    differences: tuple[Difference, ...]
    looked_at: int
    kinds: tuple[str, ...]
    not_looked_at: int


def drift(released: Sequence[Object], live: Mapping[str, Sequence[Object]]) -> Drift:
    """`live` holds everything there is of each kind that was listed."""
    known = {(kind, name_of(each)): each for kind, items in live.items() for each in items}
    mine = [each for each in released if each.get("kind") in live]
    found = [each for wish in mine for each in _differences(wish, known, _scaled(released))]
    kinds = tuple(sorted({str(each["kind"]) for each in mine}))
    return Drift(tuple(found), len(mine), kinds, len(released) - len(mine))


def _scaled(released: Iterable[Object]) -> frozenset[tuple[str, str]]:
    """Whose number of replicas an autoscaler decides."""
    targets = [
        (each.get("spec") or {}).get("scaleTargetRef") or {}
        for each in released
        if each.get("kind") == "HorizontalPodAutoscaler"
    ]
    return frozenset((str(each.get("kind")), str(each.get("name"))) for each in targets)


def _differences(
    wish: Object, live: Mapping[tuple[str, str], Object], scaled: frozenset[tuple[str, str]]
) -> Iterator[Difference]:
    kind, name = str(wish["kind"]), name_of(wish)
    what, now = f"{kind} {name}", live.get((kind, name))
    if now is None:
        yield Difference(what, "is gone")
        return
    paths = [path for path in _paths(wish, now) if path != "spec.replicas" or (kind, name) not in scaled]
    if paths:
        more = f" and {len(paths) - _MOST_FIELDS} more" if len(paths) > _MOST_FIELDS else ""
        yield Difference(what, f"differs: {', '.join(paths[:_MOST_FIELDS])}{more}")


def _paths(wish: Object, now: Object) -> Iterator[str]:
    """Of each value that is another one now; the version of a kind is the asker's choice."""
    for key, value in wish.items():
        if key == "metadata":
            for part in ("labels", "annotations"):
                has = (now.get("metadata") or {}).get(part) or {}
                yield from _differing(value.get(part) or {}, has, f"metadata.{part}")
        elif key not in {"apiVersion", "kind", "status"}:
            yield from _differing(value, now.get(key), key)


def _differing(wish: Any, now: Any, path: str) -> Iterator[str]:
    match wish, now:
        case dict(), dict() | None:
            for key, value in wish.items():
                yield from _differing(value, (now or {}).get(key), f"{path}.{key}")
        case list(), list() | None:
            yield from _items(wish, now or [], path)
        case _:
            if not _is_same(wish, now):
                yield path


def _items(wish: Sequence[Any], now: Sequence[Any], path: str) -> Iterator[str]:
    if len(wish) != len(now):
        yield path
        return
    for index, item in enumerate(wish):
        key = next((key for key in _KEYS if isinstance(item, dict) and key in item), None)
        if key is None or not isinstance(item, dict):
            yield from _differing(item, now[index], f"{path}[{index}]")
            continue
        other = [each for each in now if isinstance(each, dict) and _is_same(item[key], each.get(key))]
        if not other:
            yield f"{path}[{item[key]}]"
        elif len(other) == 1:
            yield from _differing(item, other[0], f"{path}[{item[key]}]")
        else:
            yield from _differing(item, now[index], f"{path}[{index}]")


def _is_same(wish: Any, now: Any) -> bool:
    """An absent value is what null, false, 0 and emptiness mean, for the server leaves them out."""
    if wish == now or (now is None and not wish):
        return True
    texts = isinstance(wish, str | int | float) and isinstance(now, str | int | float)
    return texts and not isinstance(wish, bool) and not isinstance(now, bool) and same(wish, now)

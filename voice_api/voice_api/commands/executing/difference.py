"""What a change does to an object: every field that differs, one to a line, with nothing secret in it."""

import hashlib
import json
from collections.abc import Iterator, Mapping
from typing import Any

# What moves by itself, or says again what other fields say.
IGNORED = frozenset({"managedFields", "resourceVersion", "generation", "status", "creationTimestamp"})
LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration"
RESTARTED_AT = "kubectl.kubernetes.io/restartedAt"
SECRETS = ("env", "data", "stringData", "args", "command", "annotations")


def difference(before: Mapping[str, Any], after: Mapping[str, Any]) -> str:
    """Lines as "spec.replicas: 3 -> 5", sorted; a value where a secret may be is a digest."""
    old, new = dict(_fields(before)), dict(_fields(after))
    changed = sorted(path for path in old.keys() | new.keys() if old.get(path) != new.get(path))
    return "\n".join(f"{path}: {_told(path, old)} -> {_told(path, new)}" for path in changed)


def _fields(part: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    match part:
        case Mapping() if part:
            for name, value in part.items():
                if name not in IGNORED and name != LAST_APPLIED:
                    yield from _fields(value, f"{path}.{name}" if path else name)
        case list() if part:
            for place, value in enumerate(part):
                yield from _fields(value, f"{path}[{_called(value, place)}]")
        case _:
            yield path, part


def _called(item: Any, place: int) -> str:
    """Containers and the like by their names: one more does not move all that follow."""
    return str(item["name"]) if isinstance(item, Mapping) and "name" in item else str(place)


def _told(path: str, fields: Mapping[str, Any]) -> str:
    if path not in fields:
        return "nothing"
    if path.endswith(RESTARTED_AT):
        return "a moment"  # else no two looks at a restart would show the same change
    value = json.dumps(fields[path], sort_keys=True)
    if any(f".{part}" in f".{path}" for part in SECRETS):
        return f"hidden {hashlib.sha256(value.encode()).hexdigest()[:12]}"
    return value[:200]

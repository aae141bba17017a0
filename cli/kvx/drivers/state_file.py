"""Terraform's state as values, and what is wrong with one that is damaged; pure."""

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class State:
    """A whole state. `resources`: address to id, of what is managed; `outputs`: name to value.

    `sha256` is of what the state means: a state from a bucket is written anew each time it is asked for,
    with the results of its checks in any order.
    """

    serial: int
    lineage: str
    sha256: str
    resources: Mapping[str, str]
    outputs: Mapping[str, Any]
    content: bytes


@dataclass(frozen=True, slots=True)
class Damage:
    """What is wrong with a state, in words."""

    words: str


def parse(content: bytes | None) -> State | Damage:
    """The state in the file; never raises."""
    if content is None:
        return Damage("it is missing")
    if not content.strip():
        return Damage("it is empty")
    try:
        return _state(json.loads(content), content)
    except ValueError:
        return Damage(f"it is cut off or not JSON ({len(content)} bytes)")
    except (KeyError, TypeError, AttributeError):
        return Damage("it is JSON, but no state of Terraform")


def _state(values: Any, content: bytes) -> State:
    return State(
        serial=int(values["serial"]),
        lineage=str(values["lineage"]),
        sha256=_digest(values),
        resources=dict(_resources(values.get("resources") or [])),
        outputs={name: output["value"] for name, output in (values.get("outputs") or {}).items()},
        content=content,
    )


def _digest(values: Mapping[str, Any]) -> str:
    meant = {name: value for name, value in values.items() if name != "check_results"}
    return hashlib.sha256(json.dumps(meant, sort_keys=True).encode()).hexdigest()


def _resources(resources: list[dict[str, Any]]) -> Iterator[tuple[str, str]]:
    for resource in resources:
        if resource["mode"] != "managed":
            continue
        for instance in resource["instances"]:
            if "deposed" not in instance:
                address = f"{resource['type']}.{resource['name']}{_index(instance)}"
                yield address, str((instance.get("attributes") or {}).get("id", ""))


def _index(instance: dict[str, Any]) -> str:
    match instance.get("index_key"):
        case str() as key:
            return f'["{key}"]'
        case int() as number:
            return f"[{number}]"
        case _:
            return ""

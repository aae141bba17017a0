"""What Terraform says in its JSON stream: progress in words, failures, and the state printed in need."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

Record = Mapping[str, Any]

_BEGUN = {"create": "creating", "update": "changing", "delete": "deleting", "replace": "replacing"}
_DONE = {"create": "created", "update": "changed", "delete": "deleted", "replace": "replaced"}
_SILENT_TYPES = ("terraform_data",)  # they are only in the state


@dataclass(frozen=True, slots=True)
class Failure:
    """An error that Terraform reported; `address` is the resource it happened to, if to one."""

    summary: str
    detail: str
    address: str | None = None

    @property
    def text(self) -> str:
        return f"{self.summary}\n{self.detail}".strip()


def record_of(line: str) -> Record | None:
    """One line of the stream, None where it is none (torn by a full disk, or not of the stream)."""
    try:
        record = json.loads(line)
    except ValueError:
        return None
    return record if isinstance(record, dict) and "type" in record | {"type": ""} else None


def words_of(record: Record) -> str | None:
    """What a person wants to read of it, None for nothing."""
    hook = record.get("hook", {})
    action, resource = hook.get("action"), hook.get("resource", {})
    if action not in _DONE or resource.get("resource_type") in _SILENT_TYPES:
        return None
    seconds = f"after {hook.get('elapsed_seconds', 0):g} s"
    said = {
        "apply_start": _BEGUN[action],
        "apply_progress": f"still {_BEGUN[action]} {seconds}",
        "apply_complete": f"{_DONE[action]} {seconds}",
        "apply_errored": f"failed {seconds}",
    }.get(str(record.get("type")))
    return f"{thing(resource)}: {said}" if said else None


def thing(resource: Record) -> str:
    """`hcloud_primary_ip.node["workers-1"]` as a person says it: primary ip workers-1."""
    kind = str(resource.get("resource_type", "")).removeprefix("hcloud_").replace("_", " ")
    key = resource.get("resource_key")
    return f"{kind} {key if isinstance(key, str) else resource.get('resource_name', '')}"


def failures_of(records: Iterable[Record]) -> tuple[Failure, ...]:
    """Every error, in order, each once."""
    found = (failure for record in records if (failure := _failure(record)))
    return tuple(dict.fromkeys(found))


def _failure(record: Record) -> Failure | None:
    diagnostic = record.get("diagnostic")
    if record.get("type") != "diagnostic" or not diagnostic or diagnostic.get("severity") != "error":
        return None
    return Failure(diagnostic.get("summary", ""), diagnostic.get("detail", ""), diagnostic.get("address"))


def summary_of(records: Iterable[Record]) -> Mapping[str, int] | None:
    """How many resources the plan adds, changes, removes and imports."""
    found = [record["changes"] for record in records if record.get("type") == "change_summary"]
    return {name: count for name, count in found[-1].items() if isinstance(count, int)} if found else None


def printed_state(lines: Iterable[str]) -> str | None:
    """The state that Terraform prints when it can write it nowhere, as the content of a state file."""
    for line in lines:
        if '"Emergency state dump"' in line:
            try:
                return json.dumps(json.loads(line)["state"], indent=2) + "\n"
            except (ValueError, KeyError):  # torn: the disk was full for the log, too
                continue
    return None

"""The host keys that machines have made themselves, known_hosts.d/ADDRESS: they alone count."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

FOLDER = "known_hosts.d"
_ADDRESSES = ("public_ip", "private_ip")


def forget_machines_that_are_gone(folder: Path, provision: Mapping[str, Any]) -> tuple[str, ...]:
    """Remove the keys of machines that were handed over before and now are others, or none; their addresses.

    `provision` is what is handed over now; to be called before it takes the place of what was.
    """
    before, now = _ids(_before(folder / "provision.json")), _ids(provision)
    gone = tuple(address for address, id_ in before.items() if now.get(address) != id_)
    removed = tuple(address for address in gone if (folder / FOLDER / address).exists())
    for address in removed:
        (folder / FOLDER / address).unlink()
    return removed


def _before(path: Path) -> Mapping[str, Any]:
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def _ids(provision: Mapping[str, Any]) -> dict[str, str]:
    """The machine behind each address."""
    return {
        str(node[name]): str(node.get("id"))
        for node in provision.get("nodes", {}).values()
        for name in _ADDRESSES
        if node.get(name)
    }

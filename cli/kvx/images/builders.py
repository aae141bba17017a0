"""The builders that buildx knows: what each builds natively, what by emulation, and whether it answers."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

RUNNING = "running"
ALONE = "docker"
"""The driver that is Docker itself: it builds for one platform, and attests nothing."""


@dataclass(frozen=True, slots=True)
class Machine:
    """One machine of a builder; its own platform comes first among those it can build for."""

    name: str
    endpoint: str
    status: str
    version: str
    platforms: tuple[str, ...]

    def builds_natively(self, platform: str) -> bool:
        return bool(self.platforms) and self.platforms[0].startswith(platform)


@dataclass(frozen=True, slots=True)
class Builder:
    """One of `docker buildx ls`; `error` says why it cannot be used."""

    name: str
    driver: str
    is_chosen: bool
    machines: tuple[Machine, ...]
    error: str = ""

    @property
    def is_running(self) -> bool:
        return not self.error and any(each.status == RUNNING for each in self.machines)

    def how(self, platform: str) -> str:
        """native, emulated, or nothing where it cannot run programs of that platform at all."""
        if any(each.builds_natively(platform) for each in self.machines):
            return "native"
        return "emulated" if any(platform in each.platforms for each in self.machines) else ""


def read_builders(lines: str) -> tuple[Builder, ...]:
    """What `docker buildx ls --format=json` prints, an object on each line; other lines are left out."""
    found = []
    for line in lines.splitlines():
        try:
            row = json.loads(line)
        except ValueError:
            continue
        if isinstance(row, dict) and row.get("Name"):
            found.append(_builder(row))
    return tuple(found)


def _builder(row: Mapping[str, Any]) -> Builder:
    machines = [each for each in row.get("Nodes") or () if isinstance(each, dict)]
    errors = [str(each["Err"]) for each in (row, *machines) if each.get("Err")]
    return Builder(
        str(row["Name"]),
        str(row.get("Driver") or ""),
        bool(row.get("Current")),
        tuple(_machine(each) for each in machines),
        errors[0] if errors else "",
    )


def _machine(row: Mapping[str, Any]) -> Machine:
    return Machine(
        str(row.get("Name") or ""),
        str(row.get("Endpoint") or ""),
        str(row.get("Status") or ""),
        str(row.get("Version") or ""),
        tuple(map(str, row.get("Platforms") or ())),
    )

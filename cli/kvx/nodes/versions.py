"""Which node goes to which version of k3s, in which order; and which steps Kubernetes does not allow."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from kvx.nodes.overview import Node, Overview

# https://docs.k3s.io/upgrades: such as v1.34.3+k3s1, whose last number counts k3s's own releases of it.
_VERSION = re.compile(r"v(\d+)\.(\d+)\.(\d+)(?:-([a-z0-9.]+))?\+k3s(\d+)")


class VersionError(ValueError):
    """A step that cannot be made; `fix` says what can."""

    def __init__(self, message: str, fix: str) -> None:
        super().__init__(message)
        self.message = message
        self.fix = fix


@dataclass(frozen=True, slots=True)
class Ascent:
    """All nodes with the version they are to have: who changes, servers first, and who has it already."""

    version: str
    servers: tuple[Node, ...]
    agents: tuple[Node, ...]
    there: tuple[Node, ...]
    cordoned: tuple[Node, ...]
    """They have the version and are kept free of pods, as a run leaves them that was broken off."""

    @property
    def is_needed(self) -> bool:
        return bool(self.servers or self.agents)


def ascent(found: Overview, version: str) -> Ascent:
    """How the nodes of the inventory come to `version`; raises VersionError for a step back or too wide."""
    ours = [node for node in found.nodes if node.host is not None and node.living is not None]
    for node in ours:
        _check(node, version)
    changing = [node for node in ours if version_of(node) != version]
    return Ascent(
        version=version,
        servers=tuple(node for node in changing if node.role == "server"),
        agents=tuple(node for node in changing if node.role == "agent"),
        there=tuple(node for node in ours if node not in changing),
        cordoned=tuple(
            node for node in ours if node not in changing and node.living and node.living.kept_free
        ),
    )


def version_of(node: Node) -> str:
    """The version that the node says it has, empty where it has said none."""
    return node.living.version if node.living is not None else ""


def _check(node: Node, version: str) -> None:
    before = _VERSION.fullmatch(version_of(node))
    after = _VERSION.fullmatch(version)
    if before is None or after is None:
        return  # the playbook looks again
    if _order(after) < _order(before):
        message = f"{node.name} has {version_of(node)}, and k3s does not go back to {version}"
        raise VersionError(message, "kvx nodes restore, with the snapshot from before the upgrade")
    major, minor = int(before[1]), int(before[2])
    if int(after[1]) != major or int(after[2]) > minor + 1:
        message = f"{node.name} has {version_of(node)}, and {version} leaves a minor version out"
        raise VersionError(message, f"kvx nodes upgrade with the newest v{major}.{minor + 1} first")


def _order(version: re.Match[str]) -> tuple[Sequence[int], bool, str, int]:
    """A release candidate, such as -rc1, comes before its release."""
    numbers = [int(version[part]) for part in (1, 2, 3)]
    return numbers, version[4] is None, version[4] or "", int(version[5])

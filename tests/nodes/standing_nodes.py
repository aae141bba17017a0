"""A node that stands, as data, and what it says when it is asked."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from testinfra.host import Host


@dataclass(frozen=True, slots=True)
class Node:
    """One node of the inventory, and the machine behind it."""

    name: str
    is_server: bool
    address: str
    private_ip: str
    architecture: str
    volume: str
    machine: "Host"

    def says(self, command: str) -> str:
        """What a command prints that must succeed."""
        done = self.machine.run(command)
        assert done.rc == 0, f"{self.name}: {command}: {done.stderr}"
        return str(done.stdout).strip()


@dataclass(frozen=True, slots=True)
class Nodes:
    """All nodes of the cluster, and where what they hand over lies."""

    cluster_name: str
    handed_over: Path
    all: tuple[Node, ...]

    @property
    def servers(self) -> tuple[Node, ...]:
        return tuple(node for node in self.all if node.is_server)

    @property
    def agents(self) -> tuple[Node, ...]:
        return tuple(node for node in self.all if not node.is_server)

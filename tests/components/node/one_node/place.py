"""Where a cluster has its addresses, its folder and its control groups: all follow from its number."""

from dataclasses import dataclass
from pathlib import Path

# Not below a folder that the cluster covers with its own (privacy.py).
FOLDERS = Path("/srv/kvx-nodes")
NUMBERS = range(1, 10)
API_PORT = 6443
METRICS_PORT = 4443
ADMIN_TOKEN = "admin-token"


@dataclass(frozen=True, slots=True)
class Place:
    """One of up to nine clusters on a machine. `outside` is this machine's address on the line to it."""

    number: int

    @property
    def name(self) -> str:
        return f"kvx-node{self.number}"

    @property
    def folder(self) -> Path:
        return FOLDERS / str(self.number)

    @property
    def outside(self) -> str:
        return f"10.95.{self.number}.1"

    @property
    def address(self) -> str:
        return f"10.95.{self.number}.2"

    @property
    def pods(self) -> str:
        return f"10.244.{self.number}.0/24"

    @property
    def services(self) -> str:
        return f"10.96.{self.number}.0/24"

    @property
    def names_service(self) -> str:
        """The address that pods ask for names."""
        return f"10.96.{self.number}.10"

    @property
    def url(self) -> str:
        return f"https://{self.address}:{API_PORT}"

    @property
    def containerd(self) -> Path:
        return self.folder / "containerd.sock"

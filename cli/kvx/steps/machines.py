"""Steps of the provision phase: machines placed, planned, made, handed over, and taken away."""

from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

from kvx.machines.fleet import Account, Fleet
from kvx.secret import Secret


@dataclass(frozen=True, slots=True)
class Limits:
    """What the user allows: net price of the whole a month, how long to wait for stock, and what a deploy
    may add to the price."""

    max_monthly: Decimal | None = None
    wait_for_capacity_seconds: float = 0
    max_increase: Decimal | None = None


@dataclass(frozen=True, slots=True)
class Backend:
    """Where Terraform keeps its state: beside the workspace, or in a bucket with a lock file."""

    bucket: str | None = None
    key: str = "kvx/terraform.tfstate"
    region: str = "nbg1"
    endpoint: str = "https://nbg1.your-objectstorage.com"
    access_key: Secret | None = None
    secret_key: Secret | None = None


@dataclass(frozen=True, slots=True)
class PlaceMachines:
    """Look before the first write: can the machines be had, are they allowed, what do they cost."""

    folder: Path
    account: Account
    fleet: Fleet
    limits: Limits
    deadline_seconds: float = 120

    @property
    def words(self) -> str:
        count = len(self.fleet.nodes)
        machines = "one machine" if count == 1 else f"{count} machines"
        return f"see whether {machines} can be had, where, and at what price"

    @property
    def command(self) -> tuple[str, ...]:
        return ("kvx", "doctor", "--target", "hetzner")


@dataclass(frozen=True, slots=True)
class WriteWorkspace:
    """Write Terraform's folder: `source` copied, variables, backend, host keys."""

    folder: Path
    source: Path
    account: Account
    fleet: Fleet
    backend: Backend
    deadline_seconds: float = 60

    @property
    def words(self) -> str:
        return f"write Terraform's workspace for the cluster {self.fleet.cluster}"

    @property
    def command(self) -> tuple[str, ...]:
        return ("cp", "-r", f"{self.source}/.", str(self.folder / "terraform"))


@dataclass(frozen=True, slots=True)
class AdoptMachines:
    """Find what carries our label and is missing from the state; have Terraform import it."""

    folder: Path
    account: Account
    fleet: Fleet
    backend: Backend
    deadline_seconds: float = 300

    @property
    def words(self) -> str:
        return f"adopt what is labelled kvx/cluster={self.fleet.cluster} and missing from the state"

    @property
    def command(self) -> tuple[str, ...]:
        return ("kvx", "adopt")


@dataclass(frozen=True, slots=True)
class ApplyMachines:
    """Plan and apply: the plan is saved and looked at, and exactly that plan is applied."""

    folder: Path
    account: Account
    fleet: Fleet
    limits: Limits
    backend: Backend
    deadline_seconds: float = 1800

    @property
    def words(self) -> str:
        return "make the machines as planned"

    @property
    def command(self) -> tuple[str, ...]:
        return ("terraform", f"-chdir={self.folder / 'terraform'}", "apply", "plan.bin")


@dataclass(frozen=True, slots=True)
class HandOver:
    """Write what the next phases need: inventory.yaml, known_hosts, provision.json."""

    folder: Path
    account: Account
    backend: Backend
    deadline_seconds: float = 60

    @property
    def words(self) -> str:
        return "hand over the inventory, the known hosts and the facts"

    @property
    def command(self) -> tuple[str, ...]:
        return ("terraform", f"-chdir={self.folder / 'terraform'}", "output", "-json")


@dataclass(frozen=True, slots=True)
class DestroyMachines:
    """Take away what the cluster's controllers made, then what Terraform made, then what is left by label."""

    folder: Path
    source: Path
    account: Account
    fleet: Fleet
    backend: Backend
    deadline_seconds: float = 1800

    @property
    def words(self) -> str:
        return (
            f"delete all that carries kvx/cluster={self.fleet.cluster}, and prove that nothing billed is left"
        )

    @property
    def command(self) -> tuple[str, ...]:
        return ("kvx", "cleanup", "--target", "hetzner", "--yes-destroy", self.fleet.cluster)


MachineStep = PlaceMachines | WriteWorkspace | AdoptMachines | ApplyMachines | HandOver | DestroyMachines

"""Steps that look after a cluster that stands: another version of k3s, back to a snapshot of etcd."""

from dataclasses import dataclass

from kvx.steps.nodes import ConfigureNodes


@dataclass(frozen=True, slots=True)
class UpgradeNodes:
    """Run upgrade.yml: a snapshot, then one server after the other, then agents, `agents_at_once` of them."""

    configure: ConfigureNodes
    version: str
    agents_at_once: int = 1
    deadline_seconds: float = 7200

    @property
    def words(self) -> str:
        return f"bring every node to k3s {self.version}"

    @property
    def command(self) -> tuple[str, ...]:
        return ("kvx", "nodes", "upgrade", self.version, "--agents-at-once", str(self.agents_at_once))


@dataclass(frozen=True, slots=True)
class RestoreNodes:
    """Run restore.yml: the servers stop, the first begins anew with the snapshot, the others join it."""

    configure: ConfigureNodes
    cluster: str
    snapshot: str
    from_bucket: bool = False
    deadline_seconds: float = 3600

    @property
    def words(self) -> str:
        return f"put the cluster {self.cluster} back to the snapshot"

    @property
    def command(self) -> tuple[str, ...]:
        return ("kvx", "nodes", "restore", self.snapshot, "--yes-restore", self.cluster)


@dataclass(frozen=True, slots=True)
class CheckNodes:
    """Run site.yml in check mode: it tells what it would change, and changes nothing."""

    configure: ConfigureNodes

    @property
    def words(self) -> str:
        return "see what Ansible would change on the machines"

    @property
    def command(self) -> tuple[str, ...]:
        return (*self.configure.command, "--check", "--diff")

    @property
    def deadline_seconds(self) -> float:
        return self.configure.deadline_seconds


CareStep = UpgradeNodes | RestoreNodes | CheckNodes

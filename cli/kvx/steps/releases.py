"""Steps about releases in a cluster: go back to one, verify the last, put a backup of all back."""

from dataclasses import dataclass
from pathlib import Path

from kvx.cluster.charts import INSTALL_SECONDS
from kvx.steps.backups import RestoreBackup
from kvx.steps.manifests import Where


@dataclass(frozen=True, slots=True)
class RollBack:
    """Roll out once more what was released as `revision`, and has that configuration hash."""

    folder: Path
    where: Where
    revision: int
    configuration: str
    revisions_kept: int = 10
    lease_wait_seconds: float = 0
    serving_seconds: float = 600

    @property
    def deadline_seconds(self) -> float:
        """Waiting for the lease, for charts, rolling out, and undoing that where it fails."""
        return self.lease_wait_seconds + INSTALL_SECONDS + 2 * self.serving_seconds + 60

    @property
    def words(self) -> str:
        return f"go back to release {self.revision}, and wait until it answers"

    @property
    def command(self) -> tuple[str, ...]:
        return ("kvx", "rollback", str(self.revision))


@dataclass(frozen=True, slots=True)
class VerifyCluster:
    """Look at what was released, what runs and what it answers; nothing is made in the cluster for it.

    What nobody is served without has to be in order; of the rest it is told how it is.
    """

    folder: Path
    where: Where
    deadline_seconds: float = 400

    @property
    def words(self) -> str:
        return "verify what runs in the cluster, and speak to it"

    @property
    def command(self) -> tuple[str, ...]:
        return ("kvx", "verify")


ReleaseStep = RollBack | VerifyCluster | RestoreBackup

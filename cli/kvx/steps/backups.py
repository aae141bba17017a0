"""The step that puts a backup back into a cluster."""

from dataclasses import dataclass
from pathlib import Path

from kvx.steps.manifests import Where


@dataclass(frozen=True, slots=True)
class RestoreBackup:
    """Apply what an archive holds and wait until it serves; `digest` is of the archive that was agreed to."""

    folder: Path
    where: Where
    archive: Path
    digest: str
    secrets_key: Path | None = None
    without_secrets: bool = False
    lease_wait_seconds: float = 0
    serving_seconds: float = 600
    replace_database: bool = False

    @property
    def deadline_seconds(self) -> float:
        """Waiting for the lease, applying, and waiting until it serves."""
        return self.lease_wait_seconds + self.serving_seconds + 300

    @property
    def words(self) -> str:
        return f"restore what {self.archive} holds, and wait until it answers"

    @property
    def command(self) -> tuple[str, ...]:
        key = ("--secrets-key", str(self.secrets_key)) if self.secrets_key else ()
        without = ("--without-secrets",) if self.without_secrets else ()
        database = ("--replace-database",) if self.replace_database else ()
        return ("kvx", "restore", str(self.archive), *key, *without, *database)

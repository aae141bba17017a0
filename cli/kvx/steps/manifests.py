"""Steps of the manifests phase: rendered and looked at, then applied until the new version serves."""

from dataclasses import dataclass
from pathlib import Path

from kvx.cluster.charts import INSTALL_SECONDS
from kvx.cluster.kustomization import Wanted

RENDERED = "manifests.yaml"
KUSTOMIZATION = "kubernetes"


@dataclass(frozen=True, slots=True)
class Where:
    """Which cluster: a kubeconfig and a context, None for the usual ones; or, `made`, the one kvx has made,
    whose kubeconfig lies in the folder of the deployment."""

    kubeconfig: Path | None = None
    context: str | None = None
    made: bool = False


@dataclass(frozen=True, slots=True)
class RenderManifests:
    """Write the kustomization of the target, render it by kubectl, and stop where kvx lint finds anything."""

    folder: Path
    source: Path
    images: Path
    wanted: Wanted
    deadline_seconds: float = 60

    @property
    def words(self) -> str:
        what = self.wanted.overlay or f"the overlay {self.wanted.target}"
        return f"render {what}, and look at it by the rules of kvx lint"

    @property
    def command(self) -> tuple[str, ...]:
        return ("kubectl", "kustomize", str(self.folder / KUSTOMIZATION), "-o", str(self.folder / RENDERED))


@dataclass(frozen=True, slots=True)
class ApplyManifests:
    """Apply what was rendered, wait until it serves, prune, and keep the release; undone once if it fails."""

    folder: Path
    source: Path
    where: Where
    revisions_kept: int = 10
    lease_wait_seconds: float = 0
    serving_seconds: float = 600

    @property
    def deadline_seconds(self) -> float:
        """Waiting for the lease, for charts, rolling out, and going back where that fails."""
        return self.lease_wait_seconds + INSTALL_SECONDS + 2 * self.serving_seconds + 60

    @property
    def words(self) -> str:
        return "apply it to the cluster, and wait until the new version answers"

    @property
    def command(self) -> tuple[str, ...]:
        return (
            *_kubectl(self.folder, self.where),
            "apply",
            "--server-side",
            "--field-manager=kvx",
            f"--filename={self.folder / RENDERED}",
        )

    @property
    def taking(self) -> tuple[str, ...]:
        """The same, with which a person takes fields from other managers."""
        return (*self.command, "--force-conflicts")


@dataclass(frozen=True, slots=True)
class RemoveManifests:
    """Delete what kvx has applied, the namespace last, and wait until it is gone."""

    folder: Path
    where: Where
    lease_wait_seconds: float = 0
    gone_seconds: float = 300

    @property
    def deadline_seconds(self) -> float:
        """Waiting for the lease, then until the namespace is gone."""
        return self.lease_wait_seconds + self.gone_seconds

    @property
    def words(self) -> str:
        return "delete from the cluster what kvx has applied, its namespace last"

    @property
    def command(self) -> tuple[str, ...]:
        file = self.folder / RENDERED
        return (*_kubectl(self.folder, self.where), "delete", "--ignore-not-found", f"--filename={file}")


ManifestStep = RenderManifests | ApplyManifests | RemoveManifests


def _kubectl(folder: Path, where: Where) -> tuple[str, ...]:
    kubeconfig = folder / "kubeconfig" if where.made else where.kubeconfig
    return (
        "kubectl",
        *((f"--kubeconfig={kubeconfig}",) if kubeconfig else ()),
        *((f"--context={where.context}",) if where.context else ()),
    )

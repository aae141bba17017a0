"""What a command can ask of a cluster: the questions, and the values that answer them."""

from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class ClusterDescription:
    """Which cluster answers; `demo` is true when nothing real stands behind the answers."""

    name: str
    demo: bool


@dataclass(frozen=True, slots=True)
class Namespace:
    name: str


@dataclass(frozen=True, slots=True)
class Node:
    name: str
    ready: bool


@dataclass(frozen=True, slots=True)
class Pod:
    """One pod.

    workload  what a person calls it: the Deployment, StatefulSet, DaemonSet or Job it belongs to,
              or its own name when it belongs to nothing
    phase     Pending, Running, Succeeded, Failed or Unknown, as the API says it
    reason    the API's word for why it is not ready (CrashLoopBackOff, Unschedulable ...), None when
              it is ready or the API gives none
    """

    namespace: str
    name: str
    workload: str
    phase: str
    ready: bool
    reason: str | None
    restarts: int

    @property
    def finished(self) -> bool:
        """Whether it ran to its end and is therefore neither ready nor in trouble."""
        return self.phase == "Succeeded"

    @property
    def in_trouble(self) -> bool:
        return not self.ready and not self.finished


@dataclass(frozen=True, slots=True)
class Deployment:
    """One deployment; `replicas` is how many are wanted, `ready` how many there are."""

    namespace: str
    name: str
    replicas: int
    ready: int


class Cluster(Protocol):
    """Read-only questions; each may raise VoiceApiError, and each ends within a bounded time."""

    @property
    def description(self) -> ClusterDescription: ...

    def namespaces(self) -> tuple[Namespace, ...]: ...

    def nodes(self) -> tuple[Node, ...]: ...

    def pods(self, namespace: str | None) -> tuple[Pod, ...]:
        """The pods of one namespace, or of all when it is None."""
        ...

    def deployments(self, namespace: str | None) -> tuple[Deployment, ...]:
        """The deployments of one namespace, or of all when it is None."""
        ...

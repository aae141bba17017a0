"""What a command can ask of a cluster: the questions, and the values that answer them."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

from voice_api.errors import VoiceApiError

Item = Mapping[str, Any]


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


class Named(NamedTuple):
    """Something that is spoken of by its name; `namespace` is empty where it belongs to none."""

    kind: str
    namespace: str
    name: str


class Explorer(Protocol):
    """Objects as the API has them, redacted: nothing here ever holds the value of a secret."""

    def objects(self, kind: str, namespace: str | None, selector: str = "", /) -> tuple[Item, ...]:
        """All of a kind of `kinds.KINDS` in one namespace, or everywhere when it is None.

        selector  of labels, as the API has them: what it does not choose may be left out
        """
        ...

    def one(self, kind: str, namespace: str | None, name: str, /) -> Item:
        """One of them; VoiceApiError with code not_found where it is gone."""
        ...

    def log(self, namespace: str, pod: str, container: str | None, lines: int, /) -> tuple[str, ...]:
        """The last lines of a container's log; whatever stands there was written by others."""
        ...

    def measures(self, kind: str, namespace: str | None, /) -> tuple[Item, ...]:
        """What pods or nodes use now; VoiceApiError with code no_measures where nobody measures."""
        ...


class Cluster(Protocol):
    """Read-only questions; each may raise VoiceApiError, and each ends within a bounded time."""

    @property
    def description(self) -> ClusterDescription: ...

    @property
    def explorer(self) -> Explorer: ...

    @property
    def contexts(self) -> tuple[str, ...]:
        """Names of the clusters that one can go to from here, this one among them."""
        ...

    def named(self) -> tuple[Named, ...]:
        """Everything that can be spoken of by name; the same object as long as nothing changed."""
        ...

    def namespaces(self) -> tuple[Namespace, ...]: ...

    def nodes(self) -> tuple[Node, ...]: ...

    def pods(self, namespace: str | None) -> tuple[Pod, ...]:
        """The pods of one namespace, or of all when it is None."""
        ...

    def deployments(self, namespace: str | None) -> tuple[Deployment, ...]:
        """The deployments of one namespace, or of all when it is None."""
        ...


class ListsOnly:
    """An explorer for a cluster of which nothing but the four lists is known."""

    def objects(self, kind: str, *_: object) -> tuple[Item, ...]:
        raise _not_offered(kind)

    def one(self, kind: str, *_: object) -> Item:
        raise _not_offered(kind)

    def log(self, *_: object) -> tuple[str, ...]:
        raise _not_offered("log")

    def measures(self, *_: object) -> tuple[Item, ...]:
        raise _not_offered("measure")


def named_by_lists(cluster: Cluster) -> Iterator[Named]:
    """What the four lists name."""
    yield from _of("namespace", cluster.namespaces())
    yield from _of("node", cluster.nodes())
    yield from (Named("deployment", each.namespace, each.name) for each in cluster.deployments(None))
    yield from (Named("pod", each.namespace, each.name) for each in cluster.pods(None))


def _of(kind: str, found: Iterable[Namespace | Node]) -> Iterator[Named]:
    yield from (Named(kind, "", each.name) for each in found)


def _not_offered(what: str) -> VoiceApiError:
    message = f"This cluster can not be asked for a {what}."
    return VoiceApiError("not_offered", message, "Ask what its lists tell.", 501)

"""The user's own cluster, read through the official Kubernetes client's kubeconfig and connection."""

import os
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import quote

import yaml
from kubernetes import config
from kubernetes.client import Configuration
from kubernetes.config import ConfigException
from kubernetes.config.incluster_config import InClusterConfigLoader

from voice_api.cluster.connection import Connection
from voice_api.cluster.deadline import within
from voice_api.cluster.exploring import KubernetesExplorer
from voice_api.cluster.failures import Failures
from voice_api.cluster.protocol import ClusterDescription, Deployment, Named, Namespace, Node, Pod
from voice_api.cluster.requests import Item, Patience
from voice_api.cluster.watching import Names
from voice_api.errors import VoiceApiError

DEFAULT_PATIENCE = Patience()
Read = TypeVar("Read")
# The client's readers carry no types.
_contexts: Callable[..., Any] = config.list_kube_config_contexts
_load_kubeconfig: Callable[..., None] = config.load_kube_config
# What the client's reader raises for files of the wrong shape: it does not check them.
BROKEN_KUBECONFIG = (
    ConfigException,
    yaml.YAMLError,
    OSError,
    ValueError,
    TypeError,
    AttributeError,
    LookupError,
)


class KubernetesCluster:
    """Read-only questions to one API server."""

    def __init__(
        self, connection: Connection, contexts: tuple[str, ...] = (), names: Names | None = None
    ) -> None:
        """`names` may be shared by clusters that are the same one, seen by several users."""
        self._connection = connection
        self._names = names or Names(connection)
        self.contexts = contexts or (connection.name,)
        self.explorer = KubernetesExplorer(connection)
        self._known: tuple[object, tuple[Named, ...]] = (None, ())

    def named(self) -> tuple[Named, ...]:
        context = tuple(Named("context", "", name) for name in self.contexts)
        known = self._names.named()
        if known is not self._known[0]:
            self._known = (known, (*known, *context))
        return self._known[1]

    @property
    def connection(self) -> Connection:
        """The way to its API server, for whoever does more than ask."""
        return self._connection

    @property
    def description(self) -> ClusterDescription:
        return ClusterDescription(name=self._connection.name, demo=False)

    def namespaces(self) -> tuple[Namespace, ...]:
        return self._connection.items("/api/v1/namespaces", "namespaces", lambda each: Namespace(_name(each)))

    def nodes(self) -> tuple[Node, ...]:
        return self._connection.items("/api/v1/nodes", "nodes", _node)

    def pods(self, namespace: str | None) -> tuple[Pod, ...]:
        return self._listed("/api/v1", "pods", namespace, _pod)

    def deployments(self, namespace: str | None) -> tuple[Deployment, ...]:
        return self._listed("/apis/apps/v1", "deployments", namespace, _deployment)

    def _listed(
        self, group: str, kind: str, namespace: str | None, read: Callable[[Item], Read]
    ) -> tuple[Read, ...]:
        if namespace is None:
            return self._connection.items(f"{group}/{kind}", kind, read)
        path = f"{group}/namespaces/{quote(namespace, safe='')}/{kind}"
        return self._connection.items(path, f"{kind} in {namespace}", read)


def cluster_from_kubeconfig(
    files: Iterable[Path], context: str | None = None, patience: Patience = DEFAULT_PATIENCE
) -> KubernetesCluster:
    """The cluster of these kubeconfig files, merged as kubectl does; does not connect yet.

    context  its name in the files, None for their current one
    """
    joined = os.pathsep.join(str(file) for file in files)
    configuration = Configuration()
    try:
        every, current = _contexts(joined)
        name = context or str(current["name"])
        load = partial(_load_kubeconfig, joined, name, configuration, persist_config=False)
        within(patience.login_seconds, load)
        contexts = tuple(str(each["name"]) for each in every)
        return KubernetesCluster(Connection(name, configuration, patience), contexts)
    except TimeoutError as error:
        raise Failures(joined, "", None).login_too_slow(patience.login_seconds) from error
    except BROKEN_KUBECONFIG as error:
        raise VoiceApiError(
            "kubeconfig_invalid",
            f"The kubeconfig {joined} cannot be used: {_first_line(error)}.",
            "Check it with: kubectl config view; or fetch it from the cluster again.",
            status=500,
        ) from error


def cluster_from_service_account(folder: Path, patience: Patience = DEFAULT_PATIENCE) -> KubernetesCluster:
    """The cluster in which this process is a pod, with the token in `folder`; does not connect yet."""
    configuration = Configuration()
    token, authority = str(folder / "token"), str(folder / "ca.crt")
    try:
        InClusterConfigLoader(token, authority).load_and_set(configuration)  # type: ignore[no-untyped-call]
    except (ConfigException, OSError) as error:
        raise VoiceApiError(
            "service_account_invalid",
            f"The pod's service account cannot be used: {_first_line(error)}.",
            "Mount the service account token, or name a kubeconfig.",
            status=500,
        ) from error
    return KubernetesCluster(Connection("this cluster", configuration, patience))


def _first_line(error: BaseException) -> str:
    return next(iter(str(error).splitlines()), "it is broken").rstrip(".")


def _name(item: Item) -> str:
    return str(item["metadata"]["name"])


def _condition(item: Item, kind: str) -> Item:
    conditions: list[Item] = item.get("status", {}).get("conditions") or []
    return next((each for each in conditions if each["type"] == kind), {})


def _node(item: Item) -> Node:
    return Node(_name(item), _condition(item, "Ready").get("status") == "True")


def _deployment(item: Item) -> Deployment:
    return Deployment(
        namespace=item["metadata"]["namespace"],
        name=_name(item),
        replicas=item["spec"].get("replicas", 1),
        ready=item.get("status", {}).get("readyReplicas", 0),
    )


def _pod(item: Item) -> Pod:
    ready = _condition(item, "Ready").get("status") == "True"
    return Pod(
        namespace=item["metadata"]["namespace"],
        name=_name(item),
        workload=_workload(item),
        phase=item.get("status", {}).get("phase", "Unknown"),
        ready=ready,
        reason=None if ready else next(_reasons(item), None),
        restarts=sum(each.get("restartCount", 0) for each in _containers(item)),
    )


def _workload(item: Item) -> str:
    metadata = item["metadata"]
    owner = next((each for each in metadata.get("ownerReferences") or () if each.get("controller")), None)
    if owner is None:
        return _name(item)
    template = (metadata.get("labels") or {}).get("pod-template-hash")
    return str(owner["name"]).removesuffix(f"-{template}")


def _reasons(item: Item) -> Iterator[str]:
    """Why a pod is not ready, the most telling reason first."""
    status = item.get("status", {})
    if item["metadata"].get("deletionTimestamp"):
        yield "Terminating"
    for state in ("waiting", "terminated"):
        for container in _containers(item):
            yield from _present(container.get("state", {}).get(state, {}).get("reason"))
    yield from _present(status.get("reason"))
    yield from _present(_condition(item, "PodScheduled").get("reason"))


def _containers(item: Item) -> Iterator[Item]:
    status = item.get("status", {})
    yield from status.get("containerStatuses") or ()
    yield from status.get("initContainerStatuses") or ()


def _present(reason: str | None) -> Iterator[str]:
    if reason:
        yield reason

"""Asks an API server everything that `kvx status` shows: at once, in less than fifteen calls."""

from collections.abc import Callable, Mapping
from typing import Any

from kvx.cluster.pods import is_ready
from kvx.cluster.refusals import ApiError
from kvx.drivers.api_server import Api
from kvx.drivers.asking import ask
from kvx.drivers.cluster_usage import usage_in
from kvx.errors import KvxError
from kvx.world import World

# Each question has this long; kvx itself needs the rest of three seconds.
SECONDS = 2.3
PROMETHEUS = "/api/v1/namespaces/{}/services/prometheus-operated:9090/proxy/api/v1/alerts"

Items = tuple[Mapping[str, Any], ...]


def look_at_cluster(
    api: Api,
    namespace: str,
    world: World,
    *,
    monitoring: str | None,
    engines: bool = False,
    seconds: float = SECONDS,
) -> dict[str, object]:
    """What the API server said to each question, by its name: plain JSON, or the error in its place.

    `monitoring` is the namespace of Prometheus, None where nobody watches; with `engines` a pod is asked
    what is left of cloud engines. `advisers` is None where the
    cluster has no Vertical Pod Autoscaler.
    """
    core, own = "/api/v1", f"/api/v1/namespaces/{namespace}"

    def items(path: str, **query: object) -> Items:
        return api.list(path, deadline_seconds=seconds, **query)

    def named(group: str, plural: str) -> Callable[[], object]:
        return lambda: items(f"/apis/{group}/namespaces/{namespace}/{plural}")

    questions: dict[str, Callable[[], object]] = {
        "version": lambda: api.get("/version", deadline_seconds=seconds),
        "nodes": lambda: items(f"{core}/nodes"),
        "pods": lambda: _pods(items, own),
        "deployments": named("apps/v1", "deployments"),
        "scalers": named("autoscaling/v2", "horizontalpodautoscalers"),
        "advisers": lambda: _there(named("autoscaling.k8s.io/v1", "verticalpodautoscalers")),
        "quotas": lambda: items(f"{own}/resourcequotas"),
        "settings": lambda: items(f"{own}/configmaps"),
        "services": lambda: items(f"{own}/services"),
        "policies": named("networking.k8s.io/v1", "networkpolicies"),
        "disruptions": named("policy/v1", "poddisruptionbudgets"),
    }
    if monitoring is not None:
        path = PROMETHEUS.format(monitoring)
        questions["alerts"] = lambda: _there(lambda: api.get(path, deadline_seconds=seconds))
    if engines:
        questions["usage"] = lambda: usage_in(api, namespace, None, seconds)
    return ask(questions, seconds, world)


def _pods(items: Callable[..., Items], own: str) -> tuple[Items, Items]:
    """The pods, and what happened to them where one is not ready and that is of interest."""
    pods = items(f"{own}/pods")
    if all(map(is_ready, pods)):
        return pods, ()
    try:
        return pods, items(f"{own}/events", fieldSelector="involvedObject.kind=Pod")
    except KvxError:
        return pods, ()  # the pods say enough without


def _there(question: Callable[[], object]) -> object:
    """None for what the cluster does not have."""
    try:
        return question()
    except ApiError as error:
        if error.status == 404:
            return None
        raise

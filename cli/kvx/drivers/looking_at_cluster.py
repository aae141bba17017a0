"""Asks an API server everything that `kvx status` shows: at once, in less than fifteen calls."""

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from kvx.cluster.overview_kinds import released_kinds
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
# Less than fifteen, and one may be sent again.
MOST_CALLS = 13
# Always asked; and one more for what happened to a pod that is not ready.
_ALWAYS = 10
# Asked where the last release has such an object; what is beside as far as there are calls left.
_RELEASED = {
    "stateful_sets": ("StatefulSet", "apps/v1", "statefulsets"),
    "cron_jobs": ("CronJob", "batch/v1", "cronjobs"),
    "daemon_sets": ("DaemonSet", "apps/v1", "daemonsets"),
}
_BESIDE = {
    "policies": ("networking.k8s.io/v1", "networkpolicies"),
    "disruptions": ("policy/v1", "poddisruptionbudgets"),
}

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
    what is left of cloud engines. `advisers` is None where the cluster has no Vertical Pod Autoscaler. What
    is of a kind that no release has, or that no call is left for, is not among the answers.
    """
    core, own = "/api/v1", f"/api/v1/namespaces/{namespace}"

    def items(path: str, **query: object) -> Items:
        return api.list(path, deadline_seconds=seconds, **query)

    def named(group: str, plural: str) -> Callable[[], object]:
        return lambda: items(f"/apis/{group}/namespaces/{namespace}/{plural}")

    pods, settings = _Once(lambda: _pods(items, own)), _Once(lambda: items(f"{own}/configmaps"))
    room = MOST_CALLS - _ALWAYS - (monitoring is not None) - engines
    questions: dict[str, Callable[[], object]] = {
        "version": lambda: api.get("/version", deadline_seconds=seconds),
        "nodes": lambda: items(f"{core}/nodes"),
        "pods": pods,
        "deployments": named("apps/v1", "deployments"),
        "scalers": named("autoscaling/v2", "horizontalpodautoscalers"),
        "advisers": lambda: _there(named("autoscaling.k8s.io/v1", "verticalpodautoscalers")),
        "quotas": lambda: items(f"{own}/resourcequotas"),
        "settings": settings,
        "services": lambda: items(f"{own}/services"),
        **dict(_further(settings, named, room)),
    }
    if monitoring is not None:
        path = PROMETHEUS.format(monitoring)
        questions["alerts"] = lambda: _there(lambda: api.get(path, deadline_seconds=seconds))
    if engines:
        questions["usage"] = lambda: usage_in(api, namespace, None, seconds, pods()[0])
    answers = ask(questions, seconds, world)
    return {name: answer for name, answer in answers.items() if answer is not _NOT_ASKED}


_NOT_ASKED = object()


class _Once:
    """A question that several want answered: asked once, by whoever comes first."""

    def __init__(self, question: Callable[[], Any]) -> None:
        self._question, self._lock = question, threading.Lock()
        self._came: list[Any] = []

    def __call__(self) -> Any:
        with self._lock:
            if not self._came:
                try:
                    self._came.append(self._question())
                except KvxError as error:
                    self._came.append(error)
        if isinstance(self._came[0], KvxError):
            raise self._came[0]
        return self._came[0]


def _further(
    settings: _Once, named: Callable[[str, str], Callable[[], object]], room: int
) -> Iterator[tuple[str, Callable[[], object]]]:
    """What depends on the last release, which the settings hold."""

    def wanted() -> Sequence[str]:
        kinds = released_kinds(settings())
        first = [name for name, (kind, _, _) in _RELEASED.items() if kind in kinds]
        return [*first, *list(_BESIDE)[: max(room - len(first), 0)]]

    ways = {name: (group, plural) for name, (_, group, plural) in _RELEASED.items()} | _BESIDE
    for name, (group, plural) in ways.items():
        asking = named(group, plural)
        yield name, lambda name=name, asking=asking: asking() if name in wanted() else _NOT_ASKED  # type: ignore[misc]


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

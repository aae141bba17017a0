"""Which environment a namespace belongs to: by its label and by what is set for the cluster."""

import time
from collections.abc import Callable, Mapping
from typing import get_args

from voice_api.cluster.connection import Connection
from voice_api.cluster.requests import Sent
from voice_api.commands.level import Environment

LABEL = "kvx.dev/environment"
KNOWN_SECONDS = 30.0
MOST_KNOWN = 10_000
GRAVITY: tuple[Environment, ...] = get_args(Environment)


class Environments:
    """The same for questions, of a moment ago: labels of namespaces hardly change. For several threads."""

    def __init__(
        self,
        service: Connection,
        cluster: Environment | None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._service, self._cluster, self._clock = service, cluster, clock
        self._known: dict[str, tuple[float, Environment | None]] = {}

    def of(self, namespace: str) -> Environment | None:
        """The cluster's own for no namespace."""
        until, found = self._known.get(namespace, (0.0, None))
        if self._clock() < until:
            return found
        found = environment_of(self._service, namespace, self._cluster)
        if len(self._known) >= MOST_KNOWN:
            self._known.clear()
        self._known[namespace] = self._clock() + KNOWN_SECONDS, found
        return found


def environment_of(service: Connection, namespace: str, cluster: Environment | None) -> Environment | None:
    """None where nothing says it, which counts as production. A label never makes a cluster less grave."""
    said = [each for each in (_labelled(service, namespace) if namespace else None, cluster) if each]
    return max(said, key=GRAVITY.index, default=None)


def _labelled(service: Connection, namespace: str) -> Environment | None:
    answer = service.send(Sent("GET", f"/api/v1/namespaces/{namespace}"))
    labels: Mapping[str, str] = answer.content.get("metadata", {}).get("labels") or {}
    value = labels.get(LABEL)
    if answer.status != 200 or value is None:
        return None
    return next((each for each in GRAVITY if each == value), "production")

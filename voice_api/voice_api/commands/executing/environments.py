"""Which environment a namespace belongs to: by its label and by what is set for the cluster."""

from collections.abc import Mapping
from typing import get_args

from voice_api.cluster.connection import Connection, Sent
from voice_api.commands.level import Environment

LABEL = "kvx.dev/environment"
GRAVITY: tuple[Environment, ...] = get_args(Environment)


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

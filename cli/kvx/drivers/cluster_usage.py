"""Asks a pod of the voice API what cloud engines were used for; all of a cluster share one ledger."""

from collections.abc import Mapping
from typing import Any

from kvx.cluster.pods import is_ready
from kvx.drivers import voice_api
from kvx.drivers.api_server import Api
from kvx.drivers.port_forward import forwarded, why_not
from kvx.errors import ExitCode, KvxError

PORT = 8484
SELECTOR = "app.kubernetes.io/name=voice-api"


def usage_in(api: Api, namespace: str, month: str | None, deadline_seconds: float) -> Mapping[str, Any]:
    """GET /v1/usage of a pod that is ready; KvxError without one."""
    path = f"/api/v1/namespaces/{namespace}/pods"
    pods = api.list(path, deadline_seconds=deadline_seconds, labelSelector=SELECTOR)
    ready = next((str(pod["metadata"]["name"]) for pod in pods if is_ready(pod)), None)
    if ready is None:
        raise KvxError("no pod of the voice API is ready", "kvx status", ExitCode.MISSING)
    with forwarded(api, namespace, ready, PORT) as tunnel:
        try:
            return voice_api.usage(tunnel.address, month, deadline_seconds)
        except KvxError as error:
            raise why_not(tunnel, ready, error) from None

"""Asks a pod of the voice API what cloud engines were used for; all of a cluster share one ledger."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from kvx.cluster.pods import is_ready
from kvx.drivers import voice_api
from kvx.drivers.api_server import Api
from kvx.drivers.port_forward import forwarded, why_not
from kvx.errors import ExitCode, KvxError

PORT = 8484
LABEL, NAME = "app.kubernetes.io/name", "voice-api"
MOST_ASKED = 2

Told = Mapping[str, Any]


def usage_in(
    api: Api,
    namespace: str,
    month: str | None,
    deadline_seconds: float,
    among: Sequence[Mapping[str, Any]] | None = None,
) -> Told:
    """GET /v1/usage of a pod that is ready, or of another one; KvxError where none tells it.

    `among` are all pods of the namespace, where they are known already.
    """
    path = f"/api/v1/namespaces/{namespace}/pods"
    pods = among
    if pods is None:
        pods = api.list(path, deadline_seconds=deadline_seconds, labelSelector=f"{LABEL}={NAME}")
    pods = [each for each in pods if (each["metadata"].get("labels") or {}).get(LABEL) == NAME]
    ready = [str(pod["metadata"]["name"]) for pod in pods if is_ready(pod)][:MOST_ASKED]
    if not ready:
        raise KvxError("no pod of the voice API is ready", "kvx status", ExitCode.MISSING)
    seconds = deadline_seconds / len(ready)
    return first_told(ready, lambda pod: _told_by(api, namespace, pod, month, seconds))


def first_told(pods: Sequence[str], ask: Callable[[str], Told]) -> Told:
    """What the first says that says anything: a replica may be ready and yet out of reach.

    What was asked wrongly is wrong for all of them.
    """
    *others, last = pods
    for pod in others:
        try:
            return ask(pod)
        except KvxError as error:
            if error.exit_code is ExitCode.USAGE:
                raise
    return ask(last)


def _told_by(api: Api, namespace: str, pod: str, month: str | None, seconds: float) -> Told:
    with forwarded(api, namespace, pod, PORT) as tunnel:
        try:
            return voice_api.usage(tunnel.address, month, seconds)
        except KvxError as error:
            raise why_not(tunnel, pod, error) from None

"""Asks a cluster what its pods take and its voice API heard; whatever is not told is left out, and said."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import httpx

from kvx.cluster.pods import is_ready
from kvx.cluster.refusals import ApiError
from kvx.cost.advice import Standing
from kvx.cost.cluster_reading import Taken, advised_requests, placed_pods, priced_nodes, used_by_pods
from kvx.cost.history import History
from kvx.cost.sharing import Shares, shares
from kvx.drivers.api_server import Api
from kvx.drivers.cost_ledger import Counter
from kvx.errors import ExitCode, KvxError

ASK_SECONDS = 20.0
NAMESPACE, METRICS_PORT = "kvx", 9090
_FIGURE = re.compile(
    r"^(kvx_voice_audio_(?:heard|spoken)_seconds_total|process_start_time_seconds) (\S+)$", re.MULTILINE
)


@dataclass(frozen=True, slots=True)
class Found:
    """What the cluster said; `wrong` is what it did not, each in words."""

    shares: Shares | None
    counters: tuple[Counter, ...]
    wrong: tuple[str, ...] = ()
    voice_pods: tuple[str, ...] = ()
    """Names of the voice API's pods that are ready."""


def ask(api: Api, histories: tuple[History, ...], *, inside: bool = False) -> Found:
    """Shares of the nodes' prices, and the sound that was heard; raises only where asked to stop."""
    try:
        nodes = api.list("/api/v1/nodes", deadline_seconds=ASK_SECONDS)
        pods = api.list("/api/v1/pods", deadline_seconds=ASK_SECONDS)
    except KvxError as error:
        return Found(None, (), (_said(error),))
    used, wrong = _used(api)
    shared = shares(priced_nodes(nodes, histories), placed_pods(pods, used))
    voice = [each for each in pods if _is_voice_api(each)]
    counters, silent = _sound(api, voice, inside=inside)
    ready = tuple(str(each["metadata"]["name"]) for each in voice if is_ready(each))
    return Found(shared, counters, (*wrong, *silent), ready)


def standing(api: Api, histories: tuple[History, ...]) -> Standing:
    """Nodes and pods, for who looks for savings; raises a KvxError where the cluster does not answer."""
    nodes = api.list("/api/v1/nodes", deadline_seconds=ASK_SECONDS)
    pods = api.list("/api/v1/pods", deadline_seconds=ASK_SECONDS)
    used, _ = _used(api)
    servers = {each.name: each for each in histories if each.kind == "server" and each.end is None}
    told = advised_requests(_autoscalers(api))
    advised = placed_pods(pods, used, told) if told else None
    return Standing(priced_nodes(nodes, histories), placed_pods(pods, used), servers, advised)


def _autoscalers(api: Api) -> tuple[dict[str, Any], ...]:
    """None where the kind is not known; raises a KvxError for every other refusal."""
    try:
        return api.list("/apis/autoscaling.k8s.io/v1/verticalpodautoscalers", deadline_seconds=ASK_SECONDS)
    except ApiError as error:
        if error.status == 404:
            return ()
        raise


def _used(api: Api) -> tuple[dict[tuple[str, str], Taken], tuple[str, ...]]:
    try:
        found = api.list("/apis/metrics.k8s.io/v1beta1/pods", deadline_seconds=ASK_SECONDS)
    except KvxError as error:
        return {}, (f"pods count by their requests alone: {_said(error)}",)
    return dict(used_by_pods(found)), ()


def _is_voice_api(pod: dict[str, Any]) -> bool:
    match pod:
        case {"metadata": {"namespace": "kvx", "labels": {"app.kubernetes.io/name": "voice-api"}}}:
            return True
    return False


def _sound(
    api: Api, pods: list[dict[str, Any]], *, inside: bool
) -> tuple[tuple[Counter, ...], tuple[str, ...]]:
    counters: list[Counter] = []
    wrong: list[str] = []
    for pod in pods:
        metadata = pod["metadata"]
        try:
            text = _figures_at(pod) if inside else _figures_by(api, str(metadata["name"]))
            counters += counters_in(str(metadata["uid"]), text)
        except KvxError as error:
            wrong.append(f"what {metadata['name']} heard is not known: {_said(error)}")
    return tuple(counters), tuple(wrong)


def _figures_by(api: Api, pod: str) -> str:
    """Through the API server, which reaches pods where no policy forbids it."""
    path = f"/api/v1/namespaces/{NAMESPACE}/pods/{pod}:{METRICS_PORT}/proxy/metrics"
    return api.text(path, deadline_seconds=ASK_SECONDS)


def _figures_at(pod: dict[str, Any]) -> str:
    """From within the cluster, where a policy of its own opens the way."""
    address = str((pod.get("status") or {}).get("podIP") or "")
    host = f"[{address}]" if ":" in address else address
    try:
        answer = httpx.get(f"http://{host}:{METRICS_PORT}/metrics", timeout=ASK_SECONDS, trust_env=False)
        answer.raise_for_status()
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        message = f"its port {METRICS_PORT} does not answer ({type(error).__name__})"
        raise KvxError(message, "kubectl -n kvx get networkpolicies", ExitCode.INCOMPLETE) from None
    return answer.text


def counters_in(source: str, text: str) -> Iterator[Counter]:
    """What is in the voice API's figures; nothing where one of them is missing."""
    found = {name: Decimal(value) for name, value in _FIGURE.findall(text)}
    started = found.get("process_start_time_seconds")
    heard = found.get("kvx_voice_audio_heard_seconds_total")
    spoken = found.get("kvx_voice_audio_spoken_seconds_total")
    if started is not None and heard is not None and spoken is not None:
        yield Counter(source, int(started), int(heard * 1000), int(spoken * 1000))


def _said(error: KvxError) -> str:
    if error.exit_code is ExitCode.INTERRUPTED:
        raise error
    return error.message

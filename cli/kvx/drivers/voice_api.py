"""Talks to a running voice API over HTTP."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

import httpx

from kvx.errors import ExitCode, KvxError
from kvx.secret import Secret
from kvx.supervisor.records import State

_CONNECT_SECONDS = 2.0
_EVERYWHERE = {"0.0.0.0": "127.0.0.1", "::": "::1", "": "127.0.0.1"}  # noqa: S104  read, not bound


def address_of(state: State) -> str:
    """Where a program on this machine reaches the API."""
    return _address(state.host, state.port)


def metrics_address_of(state: State) -> str:
    return f"{_address(state.metrics_host, state.metrics_port)}/metrics"


def answers(address: str, deadline_seconds: float) -> bool:
    """Whether anything answers there that calls itself alive."""
    try:
        with _client(deadline_seconds) as client:
            return client.get(f"{address}/health").status_code == httpx.codes.OK
    except httpx.TransportError:
        return False


def why_not_ready(address: str, deadline_seconds: float) -> str | None:
    """What GET /ready gives as its reason; None when it is ready."""
    try:
        with _client(deadline_seconds) as client:
            answer = client.get(f"{address}/ready")
    except httpx.TransportError as error:
        return f"it does not answer ({type(error).__name__})"
    if answer.status_code == httpx.codes.OK:
        return None
    said = _json(answer)
    return str(said.get("message") or said.get("reason") or f"it answers {answer.status_code}")


def health(address: str, deadline_seconds: float) -> Mapping[str, Any]:
    return _json(_send("GET", f"{address}/health", deadline_seconds))


def figures(metrics_address: str, deadline_seconds: float) -> Mapping[str, float]:
    """Each metric of the voice API, summed over its labels."""
    sums: dict[str, float] = {}
    for line in _send("GET", metrics_address, deadline_seconds).text.splitlines():
        name, _, value = line.rpartition(" ")
        if line.startswith("kvx_voice_"):
            metric = name.partition("{")[0]
            sums[metric] = sums.get(metric, 0.0) + float(value)
    return sums


def usage(address: str, month: str | None, deadline_seconds: float) -> Mapping[str, Any]:
    """What cloud engines were used for; sums of a month such as 2026-11, this one unless it is named."""
    named = f"?month={quote(month)}" if month else ""
    return _json(_send("GET", f"{address}/v1/usage{named}", deadline_seconds))


@dataclass(frozen=True, slots=True)
class Speaker:
    """Who speaks, and in which conversation; without a key nobody in particular, who changes nothing."""

    key: Secret | None = None
    session: str = ""

    @property
    def headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.key.reveal()}"} if self.key else {}


SOMEBODY = Speaker()


def command_from_text(
    address: str,
    text: str,
    *,
    speak: bool,
    voice: str | None = None,
    deadline_seconds: float,
    speaker: Speaker = SOMEBODY,
) -> Mapping[str, Any]:
    """The answer of POST /v1/commands to words."""
    body = {"text": text, "speak": speak} | _optional(voice, speaker)
    sent = {"json": body, "headers": speaker.headers}
    return _json(_send("POST", f"{address}/v1/commands", deadline_seconds, **sent))


def command_from_sound(
    address: str,
    sound: bytes,
    *,
    speak: bool,
    voice: str | None = None,
    deadline_seconds: float,
    speaker: Speaker = SOMEBODY,
) -> Mapping[str, Any]:
    """The answer of POST /v1/commands to sound in any format that the voice API reads."""
    data = {"speak": "true" if speak else "false"} | _optional(voice, speaker)
    files = {"file": ("sound", sound, "application/octet-stream")}
    sent = {"data": data, "files": files, "headers": speaker.headers}
    return _json(_send("POST", f"{address}/v1/commands", deadline_seconds, **sent))


def _optional(voice: str | None, speaker: Speaker) -> dict[str, str]:
    named = {"voice": voice or "", "session": speaker.session}
    return {name: value for name, value in named.items() if value}


def speech(address: str, text: str, voice: str, deadline_seconds: float) -> bytes:
    """The text as a wav file, spoken by the voice API's own speaker."""
    body = {"model": "espeak-ng", "input": text, "voice": voice, "response_format": "wav"}
    return _send("POST", f"{address}/v1/audio/speech", deadline_seconds, json=body).content


def _address(host: str, port: int | None) -> str:
    reachable = _EVERYWHERE.get(host, host)
    return f"http://[{reachable}]:{port}" if ":" in reachable else f"http://{reachable}:{port}"


def _client(deadline_seconds: float) -> httpx.Client:
    """Without the proxies of the environment: the voice API is on this machine."""
    timeout = httpx.Timeout(deadline_seconds, connect=min(_CONNECT_SECONDS, deadline_seconds))
    return httpx.Client(timeout=timeout, trust_env=False)


def _send(method: str, url: str, deadline_seconds: float, **content: Any) -> httpx.Response:
    try:
        with _client(deadline_seconds) as client:
            answer = client.request(method, url, **content)
    except httpx.TimeoutException:
        message = f"{url} did not answer within {deadline_seconds:g} s"
        raise KvxError(message, "kvx status shows how it is and where its log is") from None
    except httpx.TransportError as error:
        message = f"nothing answers at {url} ({type(error).__name__})"
        raise KvxError(message, "kvx deploy", ExitCode.MISSING) from None
    if answer.is_error:
        raise _refused(answer)
    return answer


def _refused(answer: httpx.Response) -> KvxError:
    """The voice API's own words; a wrong request is wrong usage of kvx."""
    error = _json(answer).get("error")
    usage = httpx.codes.BAD_REQUEST <= answer.status_code < httpx.codes.INTERNAL_SERVER_ERROR
    kind = (
        ExitCode.USAGE if usage and answer.status_code != httpx.codes.TOO_MANY_REQUESTS else ExitCode.FAILED
    )
    if not isinstance(error, Mapping):
        return KvxError(f"the voice API answered {answer.status_code}", "kvx status", kind)
    fix = str(error.get("fix") or "kvx status")
    return KvxError(str(error.get("message", "")).removesuffix(f"; {fix}"), fix, kind)


def _json(answer: httpx.Response) -> Mapping[str, Any]:
    try:
        document = answer.json()
    except ValueError:
        document = None
    if isinstance(document, dict):
        return document
    if answer.is_error:
        return {}
    raise KvxError(f"{answer.url} is not a voice API: it does not answer with JSON", "kvx status")

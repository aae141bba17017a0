"""One request to an API server: its deadline, the servers it may go to, and how often it is tried."""

import json
import ssl
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import urlencode, urlsplit

import urllib3
from kubernetes.client import Configuration

from kvx.cluster.refusals import Answer, ApiError, refusal
from kvx.drivers.kubeconfigs import credentials, expired
from kvx.errors import ExitCode, KvxError
from kvx.world import World

CONNECT_SECONDS = 3.0
PAUSE_SECONDS = 0.5
LONGEST_PAUSE_SECONDS = 20.0
SLICE_SECONDS = 0.2
MOST_BYTES = 64_000_000
CERTIFICATE_EXPIRED = 10  # X509_V_ERR_CERT_HAS_EXPIRED of OpenSSL

Query = Mapping[str, object]


@dataclass(frozen=True, slots=True)
class Way:
    """How the servers of one cluster are reached; `look` is what a person types where none answers."""

    configuration: Configuration
    pool: urllib3.PoolManager
    hosts: tuple[str, ...]
    world: World
    attempts: int
    look: str
    agent: str


@dataclass(frozen=True, slots=True)
class Request:
    """What is asked; `what` names the object in words, `again` allows to send it a second time."""

    method: str
    path: str
    what: str
    query: Query
    deadline_seconds: float
    body: object = None
    content: str = "application/json"
    accept: str = "application/json"
    again: bool = True

    @property
    def reading(self) -> bool:
        return self.method == "GET"


class _NoAnswerError(Exception):
    """No answer came: `words` say why, `sent` whether the request may have arrived."""

    def __init__(self, words: str, *, sent: bool, final: bool = False) -> None:
        super().__init__(words)
        self.words, self.sent, self.final = words, sent, final


@dataclass(frozen=True, slots=True)
class Sent:
    """A good answer, and the server that gave it."""

    host: str
    body: bytes


def send(way: Way, request: Request) -> Sent:
    """A good answer; raises an ApiError where none came by the deadline and the attempts."""
    end = way.world.monotonic() + request.deadline_seconds
    for attempt in range(1, way.attempts + 1):
        try:
            return _asked_once(way, request, end)
        except _RefusedError as refused:
            pause = _pause(attempt, refused.after_seconds)
            ends = attempt == way.attempts or not (request.again and refused.error.transient)
            if ends or way.world.monotonic() + pause >= end:
                raise refused.error from None
        except _NoAnswerError as none:
            pause = _pause(attempt, None)
            ends = attempt == way.attempts or none.final or (none.sent and not request.again)
            if ends or way.world.monotonic() + pause >= end:
                raise _unanswered(way, request, none) from None
        _rest(way.world, pause)
    raise AssertionError("there is at least one attempt")


class _RefusedError(Exception):
    """An answer that is no good one, and when the server wants to be asked again."""

    def __init__(self, error: ApiError, after_seconds: float | None) -> None:
        super().__init__(error.message)
        self.error, self.after_seconds = error, after_seconds


def _asked_once(way: Way, request: Request, end: float) -> Sent:
    """Every server gets its share of what is left; the first that answers has spoken for all."""
    first: _NoAnswerError | None = None
    for index, host in enumerate(way.hosts):
        share = max((end - way.world.monotonic()) / (len(way.hosts) - index), 0.05)
        try:
            return Sent(host, _answer(way, host, request, share))
        except _NoAnswerError as none:
            first = first or none
            if none.sent and not request.again:
                raise
    assert first is not None  # noqa: S101  there is at least the kubeconfig's
    raise first


def _answer(way: Way, host: str, request: Request, seconds: float) -> bytes:
    end = way.world.monotonic() + seconds
    where = f"the API server at {urlsplit(host).netloc}"
    try:
        response = way.pool.request(
            request.method,
            f"{host}{request.path}{_query(request.query)}",
            body=None if request.body is None else json.dumps(request.body),
            headers=_headers(way, request),
            timeout=urllib3.Timeout(connect=min(CONNECT_SECONDS, seconds), read=seconds),
            retries=False,
            redirect=False,
            preload_content=False,
        )
        body = _whole(response, end, way.world)
    except urllib3.exceptions.SSLError as error:
        raise _NoAnswerError(f"{where} {_certificate_words(error)}", sent=False, final=True) from None
    except (urllib3.exceptions.NewConnectionError, urllib3.exceptions.NameResolutionError) as error:
        raise _NoAnswerError(f"{where} cannot be reached ({_reason(error)})", sent=False) from None
    except urllib3.exceptions.ConnectTimeoutError:
        raise _NoAnswerError(f"{where} did not answer within {seconds:.0f} s", sent=False) from None
    except (urllib3.exceptions.TimeoutError, TimeoutError):
        raise _NoAnswerError(f"{where} did not answer within {seconds:.0f} s", sent=True) from None
    except (urllib3.exceptions.HTTPError, OSError) as error:
        raise _NoAnswerError(f"{where} broke off the connection ({_reason(error)})", sent=True) from None
    if response.status >= 300:
        raise _refused(way, where, request, response, body)
    return body


def _whole(response: urllib3.BaseHTTPResponse, end: float, world: World) -> bytes:
    """The body, to its end or to the deadline: a timeout of a socket begins anew with every byte."""
    parts: list[bytes] = []
    while part := response.read1(65536):
        parts.append(part)
        if world.monotonic() > end:
            response.close()
            raise TimeoutError
        if sum(map(len, parts)) > MOST_BYTES:
            response.close()
            raise urllib3.exceptions.HTTPError(f"more than {MOST_BYTES // 1_000_000} MB in one answer")
    response.release_conn()
    return b"".join(parts)


def _headers(way: Way, request: Request) -> dict[str, str]:
    headers = {"Accept": request.accept, "User-Agent": way.agent, **credentials(way.configuration)}
    return headers | ({} if request.body is None else {"Content-Type": request.content})


def _query(query: Query) -> str:
    pairs = [(name, each) for name, value in query.items() for each in _values(value)]
    return f"?{urlencode(pairs)}" if pairs else ""


def _values(value: object) -> Iterator[str]:
    if isinstance(value, list | tuple):
        yield from map(str, value)
    elif isinstance(value, bool):
        yield "true" if value else "false"
    elif value is not None:
        yield str(value)


def _refused(
    way: Way, where: str, request: Request, response: urllib3.BaseHTTPResponse, body: bytes
) -> _RefusedError:
    answer = Answer(where, request.what, response.status, _status(body))
    error = refusal(answer, reading=request.reading)
    if response.status == 401 and (end := expired(way.configuration)) is not None:
        message = f"{where} refuses the certificate of the kubeconfig: it expired on {end:%Y-%m-%d %H:%M} UTC"
        error = ApiError(message, f"{way.look}; then get a new kubeconfig", ExitCode.MISSING, 401)
    after = response.headers.get("Retry-After", "")
    return _RefusedError(error, float(after) if after.isdigit() else None)


def _status(body: bytes) -> Mapping[str, Any]:
    """Kubernetes' own words for it; a proxy in between may answer with anything else."""
    try:
        document = json.loads(body)
    except ValueError:
        document = None
    if isinstance(document, dict) and document.get("kind") == "Status":
        return document
    said = body[:200].decode(errors="replace").strip()
    return {"message": f"{said or 'nothing'} (which is not from Kubernetes)"}


def _unanswered(way: Way, request: Request, none: _NoAnswerError) -> ApiError:
    code = ExitCode.INCOMPLETE if request.reading else ExitCode.FAILED
    return ApiError(none.words, way.look, code)


def _pause(attempt: int, after_seconds: float | None) -> float:
    """Doubled every time, unless the server says how long; never longer than the bound."""
    wanted = PAUSE_SECONDS * 2 ** (attempt - 1) if after_seconds is None else after_seconds
    return min(wanted, LONGEST_PAUSE_SECONDS)


def _rest(world: World, seconds: float) -> None:
    end = world.monotonic() + seconds
    while (left := end - world.monotonic()) > 0:
        if world.stop_requested():
            raise KvxError("stopped on request", "the same command goes on from here", ExitCode.INTERRUPTED)
        world.sleep(min(left, SLICE_SECONDS))


def _certificate_words(error: BaseException) -> str:
    cause = _innermost(error)
    if isinstance(cause, ssl.SSLCertVerificationError) and cause.verify_code == CERTIFICATE_EXPIRED:
        return "shows a certificate that has expired"
    return f"shows a certificate that is not the cluster's ({_reason(error)})"


def _innermost(error: BaseException) -> BaseException:
    """The first cause: urllib3 wraps them."""
    inner = error.__cause__ or error.__context__ or (error.args[-1] if error.args else error)
    return _innermost(inner) if isinstance(inner, BaseException) and inner is not error else error


def _reason(error: BaseException) -> str:
    cause = _innermost(error)
    return str(getattr(cause, "verify_message", None) or getattr(cause, "strerror", None) or cause)


def with_world(way: Way, world: World) -> Way:
    """The same way, seen from another step."""
    return replace(way, world=world)

"""Asks a Kubernetes API server for lists, within a deadline, and says plainly why it could not.

Set-up, credentials and TLS are the official client's. Its typed API classes are not used: importing
CoreV1Api and AppsV1Api costs 1.1 s and 88 MB (client 37), which a small machine needs for other things.
"""

import json
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias
from urllib.parse import urlencode

import urllib3
from kubernetes.client import Configuration
from kubernetes.client.rest import RESTClientObject
from kubernetes.config import ConfigException

from voice_api.cluster.deadline import within
from voice_api.cluster.failures import Failures
from voice_api.cluster.identity import Identity
from voice_api.errors import VoiceApiError

AGENT = "kvx-voice-api"
Item = Mapping[str, Any]
JSON = "application/json"
MOST_LINE_BYTES = 8_000_000


@dataclass(frozen=True, slots=True)
class Patience:
    """How long to wait and how much to ask for at once.

    A list ends after `list_seconds` however many pages it has; one page holds at most `page_items`.
    `login_seconds` are for the program that a kubeconfig may name to fetch credentials.
    """

    connect_seconds: float = 3.0
    read_seconds: float = 5.0
    list_seconds: float = 10.0
    login_seconds: float = 15.0
    page_items: int = 250

    def for_request(self, left_seconds: float) -> urllib3.Timeout:
        return urllib3.Timeout(
            connect=min(left_seconds, self.connect_seconds), read=min(left_seconds, self.read_seconds)
        )

    def for_stream(self, silent_seconds: float) -> urllib3.Timeout:
        return urllib3.Timeout(connect=self.connect_seconds, read=silent_seconds)


class ListExpiredError(Exception):
    """The server has forgotten the list of which a next page was asked."""


@dataclass(frozen=True, slots=True)
class Sent:
    """A request that may change something.

    body   any JSON value, None for nothing
    kind   its media type: which sort of patch it is
    agent  what is told besides our name in the User-Agent, so that the cluster's audit log has it
    accept the media types of an answer
    """

    method: str
    path: str
    body: Any = None
    kind: str = "application/json"
    agent: str = ""
    accept: str = "application/json"


@dataclass(frozen=True, slots=True)
class Answered:
    """What the API server said: the HTTP status, and its JSON object (empty where it sent none)."""

    status: int
    content: Item = field(default_factory=dict)


Guard: TypeAlias = Callable[[Sent], bool]


class Connection:
    """One API server, as one user. Safe to use from several threads."""

    def __init__(
        self,
        name: str,
        configuration: Configuration,
        patience: Patience,
        identity: Identity | None = None,
        guard: Guard | None = None,
    ) -> None:
        self.name = name
        self._configuration = configuration
        self._patience = patience
        self._identity = identity
        self._guard = guard
        self._pool = RESTClientObject(configuration).pool_manager
        self._failures = Failures(name, configuration.host, configuration.cert_file)

    @property
    def address(self) -> str:
        """Of the API server; nothing is asked for it."""
        return str(self._configuration.host)

    def as_user(self, identity: Identity) -> "Connection":
        """The same API server with a pool of its own, everything done as somebody else."""
        return Connection(self.name, self._configuration, self._patience, identity)

    def guarded(self, guard: Guard) -> "Connection":
        """The same, as the same user, but nothing leaves that `guard` does not let through: a 403 instead."""
        return Connection(self.name, self._configuration, self._patience, self._identity, guard)

    def send(self, request: Sent) -> Answered:
        """One request, once. VoiceApiError where no answer came, after which it may have happened or not."""
        deadline = time.monotonic() + self._patience.list_seconds
        response = self._requested(request, self._failures.unreachable("did not answer in time"), deadline)
        return Answered(response.status, _json_object(response.data))

    def items(self, path: str, what: str) -> tuple[Item, ...]:
        """All objects of the list at `path`; `what` names them in errors ("pods in shop").

        VoiceApiError with code cluster_unreachable, cluster_certificate_expired,
        cluster_certificate_untrusted, cluster_unauthorised, cluster_forbidden,
        cluster_login_too_slow, cluster_login_impossible or cluster_failed.
        """
        deadline = time.monotonic() + self._patience.list_seconds
        try:
            return tuple(self._pages(path, what, deadline))
        except ListExpiredError:
            pass
        try:
            return tuple(self._pages(path, what, deadline))
        except ListExpiredError:
            raise self._failures.failed(f"changed too fast to list its {what}") from None

    def object(self, path: str, what: str) -> Item:
        """One object; VoiceApiError as `items` raises, and not_found."""
        found = self._found(path, what)
        try:
            content = json.loads(found)
        except ValueError:
            content = None
        if not isinstance(content, dict):
            raise self._failures.failed("answered with something else than a Kubernetes object")
        return content

    def text(self, path: str, query: Mapping[str, str], what: str) -> str:
        """What the server sends as plain text, such as a log; VoiceApiError as `object` raises."""
        return self._found(f"{path}?{urlencode(query)}", what).decode("utf-8", errors="replace")

    def _found(self, path: str, what: str) -> bytes:
        response = self._response(path, what, time.monotonic() + self._patience.list_seconds)
        if response.status == 404:
            raise VoiceApiError("not_found", f"There is no {what}.", "Ask which ones there are.", 404)
        if response.status != 200:
            raise self._failures.refused(response.status, what)
        return response.data

    def lines(
        self, path: str, query: Mapping[str, str], what: str, seconds: float, accept: str = JSON
    ) -> Iterator[Item]:
        """Each line of an answer that goes on, as JSON, until the server ends it or is silent for `seconds`.

        VoiceApiError as `items` raises; ListExpiredError for 410.
        """
        deadline, wanted = time.monotonic() + seconds, f"{path}?{urlencode(query)}"
        response = self._response(wanted, what, deadline, accept, stream=True)
        try:
            if response.status == 410:
                raise ListExpiredError
            if response.status != 200:
                raise self._failures.refused(response.status, what)
            yield from _json_lines(response)
        except (urllib3.exceptions.HTTPError, ValueError) as error:
            raise self._failures.unreachable(f"broke off the changes of its {what}") from error
        finally:
            response.close()

    def pages(self, path: str, what: str, accept: str) -> Iterator[Item]:
        """The pages of a list, as this type; VoiceApiError as `items` raises, ListExpiredError for 410."""
        return self._whole_pages(path, what, time.monotonic() + self._patience.list_seconds, accept)

    def _pages(self, path: str, what: str, deadline: float) -> Iterator[Item]:
        for page in self._whole_pages(path, what, deadline):
            yield from page["items"]

    def _whole_pages(self, path: str, what: str, deadline: float, accept: str = JSON) -> Iterator[Item]:
        token = ""
        while True:
            page = self._page(path, what, token, deadline, accept)
            yield page
            token = page["metadata"].get("continue") or ""
            if not token:
                return

    def _page(self, path: str, what: str, token: str, deadline: float, accept: str) -> Item:
        query = {"limit": str(self._patience.page_items)} | ({"continue": token} if token else {})
        response = self._response(f"{path}?{urlencode(query)}", what, deadline, accept)
        if response.status == 410 and token:
            raise ListExpiredError
        if response.status != 200:
            raise self._failures.refused(response.status, what)
        page = _list_page(response.data)
        if page is None:
            raise self._failures.failed("answered with something else than a Kubernetes list")
        return page

    def _response(
        self, path_and_query: str, what: str, deadline: float, accept: str = JSON, *, stream: bool = False
    ) -> urllib3.BaseHTTPResponse:
        too_slow = self._failures.unreachable(f"did not list its {what} in time")
        return self._requested(Sent("GET", path_and_query, accept=accept), too_slow, deadline, stream=stream)

    def _requested(
        self, request: Sent, too_slow: VoiceApiError, deadline: float, *, stream: bool = False
    ) -> urllib3.BaseHTTPResponse:
        left = deadline - time.monotonic()
        if left <= 0:
            raise too_slow
        if self._guard is not None and not self._guard(request):
            return urllib3.HTTPResponse(b"{}", status=403)
        body = None if request.body is None else json.dumps(request.body, allow_nan=False)
        try:
            return self._pool.request(
                request.method,
                f"{self._configuration.host}{request.path}",
                body=body,
                headers=self._headers(request),
                timeout=self._patience.for_stream(left) if stream else self._patience.for_request(left),
                retries=False,
                preload_content=not stream,
            )
        except urllib3.exceptions.NewConnectionError as error:  # which is a TimeoutError, whatever happened
            raise self._failures.unreachable("cannot be reached") from error
        except urllib3.exceptions.TimeoutError as error:
            raise too_slow from error
        except urllib3.exceptions.SSLError as error:
            raise self._failures.untrusted(error) from error
        except urllib3.exceptions.HTTPError as error:
            raise self._failures.unreachable("broke off the connection") from error

    def _headers(self, request: Sent) -> urllib3.HTTPHeaderDict:
        agent = f"{AGENT} {request.agent}".rstrip()
        headers = urllib3.HTTPHeaderDict({"Accept": request.accept, "User-Agent": agent})
        if request.body is not None:
            headers["Content-Type"] = request.kind
        headers.extend(self._credentials())
        for name, value in self._identity.headers if self._identity else ():
            headers.add(name, value)
        return headers

    def _credentials(self) -> dict[str, str]:
        seconds = self._patience.login_seconds
        try:
            # May start the kubeconfig's login program again, which has no deadline of its own.
            settings: Mapping[str, Any] = within(seconds, self._configuration.auth_settings)
        except TimeoutError as error:
            raise self._failures.login_too_slow(seconds) from error
        except (ConfigException, OSError) as error:
            raise self._failures.login_impossible(str(error)) from error
        return {
            each["key"]: each["value"]
            for each in settings.values()
            if each["in"] == "header" and each["value"]
        }


def _json_object(body: bytes) -> Item:
    try:
        content = json.loads(body)
    except ValueError:
        return {}
    return content if isinstance(content, dict) else {}


def _list_page(body: bytes) -> Item | None:
    """The list that `body` holds, None if it holds something else."""
    try:
        page = json.loads(body)
    except ValueError:
        return None
    match page:
        case {"items": list(), "metadata": dict()}:
            return dict(page)
        case _:
            return None


def _json_lines(response: urllib3.BaseHTTPResponse) -> Iterator[Item]:
    """Each line as it comes; ValueError for one that is no JSON object, or has no end."""
    begun = b""
    for chunk in response.stream(65_536):
        *whole, begun = (begun + chunk).split(b"\n")
        if len(begun) > MOST_LINE_BYTES:
            raise ValueError("a line without an end")
        for line in whole:
            if line.strip():
                yield dict(json.loads(line))

"""Asks a Kubernetes API server for lists, within a deadline, and says plainly why it could not.

Set-up, credentials and TLS are the official client's. Its typed API classes are not used: importing
CoreV1Api and AppsV1Api costs 1.1 s and 88 MB (client 37), which a small machine needs for other things.
"""

import json
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any, TypeAlias, TypeVar
from urllib.parse import urlencode

import urllib3
from kubernetes.client import Configuration
from kubernetes.client.rest import RESTClientObject
from kubernetes.config import ConfigException

from voice_api.cluster.deadline import within
from voice_api.cluster.failures import Failures
from voice_api.cluster.identity import Identity
from voice_api.cluster.requests import Answered, Item, Patience, Sent
from voice_api.errors import VoiceApiError

AGENT = "kvx-voice-api"
JSON = "application/json"
MOST_LINE_BYTES = 8_000_000
KNOWN_SECONDS = 5.0
Read = TypeVar("Read")


class ListExpiredError(Exception):
    """The server has forgotten the list of which a next page was asked."""


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
        self._known: tuple[float, dict[str, str]] = (0.0, {})
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

    def items(self, path: str, what: str, read: Callable[[Item], Read]) -> tuple[Read, ...]:
        """All objects of the list at `path`, each as `read` makes it; `what` names them in errors.

        One page is read after the other: the objects themselves are never all in memory at once.

        VoiceApiError with code cluster_unreachable, cluster_certificate_expired,
        cluster_certificate_untrusted, cluster_unauthorised, cluster_forbidden,
        cluster_login_too_slow, cluster_login_impossible or cluster_failed.
        """
        deadline = time.monotonic() + self._patience.list_seconds
        try:
            return self._read(path, what, deadline, read)
        except ListExpiredError:
            pass
        try:
            return self._read(path, what, deadline, read)
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

    def _read(self, path: str, what: str, deadline: float, read: Callable[[Item], Read]) -> tuple[Read, ...]:
        pages = self._whole_pages(path, what, deadline)
        return tuple(read(each) for page in pages for each in page["items"])

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
        joint = "&" if "?" in path else "?"
        response = self._response(f"{path}{joint}{urlencode(query)}", what, deadline, accept)
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
            response = self._pool.request(
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
        if response.status == 401:
            self._known = 0.0, {}
        return response

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
        """Those of a moment ago will do, until the server refuses them."""
        until, known = self._known
        if time.monotonic() >= until:
            known = self._fetched()
            self._known = time.monotonic() + KNOWN_SECONDS, known
        return known

    def _fetched(self) -> dict[str, str]:
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
    """The list that `body` holds, None if it holds something else. Of mere metadata an empty one has null."""
    try:
        page = json.loads(body)
    except ValueError:
        return None
    match page:
        case {"items": list() | None, "metadata": dict()}:
            return {**page, "items": page["items"] or []}
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

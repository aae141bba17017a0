"""Asks a Kubernetes API server for lists, within a deadline, and says plainly why it could not.

Set-up, credentials and TLS are the official client's. Its typed API classes are not used: importing
CoreV1Api and AppsV1Api costs 1.1 s and 88 MB (client 37), which a small machine needs for other things.
"""

import json
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

import urllib3
from kubernetes.client import Configuration
from kubernetes.client.rest import RESTClientObject
from kubernetes.config import ConfigException

from voice_api.cluster.deadline import within
from voice_api.cluster.failures import Failures

Item = Mapping[str, Any]


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


class ListExpiredError(Exception):
    """The server has forgotten the list of which a next page was asked."""


class Connection:
    """One API server, as one user. Safe to use from several threads."""

    def __init__(self, name: str, configuration: Configuration, patience: Patience) -> None:
        self.name = name
        self._configuration = configuration
        self._patience = patience
        self._pool = RESTClientObject(configuration).pool_manager
        self._failures = Failures(name, configuration.host, configuration.cert_file)

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

    def _pages(self, path: str, what: str, deadline: float) -> Iterator[Item]:
        token = ""
        while True:
            page = self._page(path, what, token, deadline)
            yield from page["items"]
            token = page["metadata"].get("continue") or ""
            if not token:
                return

    def _page(self, path: str, what: str, token: str, deadline: float) -> Item:
        query = {"limit": str(self._patience.page_items)} | ({"continue": token} if token else {})
        response = self._response(f"{path}?{urlencode(query)}", what, deadline)
        if response.status == 410 and token:
            raise ListExpiredError
        if response.status != 200:
            raise self._failures.refused(response.status, what)
        page = _list_page(response.data)
        if page is None:
            raise self._failures.failed("answered with something else than a Kubernetes list")
        return page

    def _response(self, path_and_query: str, what: str, deadline: float) -> urllib3.BaseHTTPResponse:
        too_slow = self._failures.unreachable(f"did not list its {what} in time")
        left = deadline - time.monotonic()
        if left <= 0:
            raise too_slow
        headers = {"Accept": "application/json", "User-Agent": "kvx-voice-api", **self._credentials()}
        try:
            return self._pool.request(
                "GET",
                f"{self._configuration.host}{path_and_query}",
                headers=headers,
                timeout=self._patience.for_request(left),
                retries=False,
            )
        except urllib3.exceptions.NewConnectionError as error:  # which is a TimeoutError, whatever happened
            raise self._failures.unreachable("cannot be reached") from error
        except urllib3.exceptions.TimeoutError as error:
            raise too_slow from error
        except urllib3.exceptions.SSLError as error:
            raise self._failures.untrusted(error) from error
        except urllib3.exceptions.HTTPError as error:
            raise self._failures.unreachable("broke off the connection") from error

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

"""Asks a Kubernetes API server for lists, within a deadline, and says plainly why it could not.

Set-up, credentials and TLS are the official client's. Its typed API classes are not used: importing
CoreV1Api and AppsV1Api costs 1.1 s and 88 MB (client 37), which a small machine needs for other things.
"""

import json
import re
import ssl
import time
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import urllib3
from kubernetes.client import Configuration
from kubernetes.client.rest import RESTClientObject

from voice_api.errors import VoiceApiError

CERTIFICATE_HAS_EXPIRED = 10  # X509_V_ERR_CERT_HAS_EXPIRED of OpenSSL
# Where a DER certificate holds "not before" and "not after", both as UTCTime (RFC 5280 4.1.2.5).
VALIDITY = re.compile(rb"\x17\x0d\d{12}Z\x17\x0d(\d{12})Z")

Item = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Patience:
    """How long to wait and how much to ask for at once.

    A list ends after `list_seconds` however many pages it has; one page holds at most `page_items`.
    """

    connect_seconds: float = 3.0
    read_seconds: float = 5.0
    list_seconds: float = 10.0
    page_items: int = 250


class ListExpiredError(Exception):
    """The server has forgotten the list of which a next page was asked."""


class Connection:
    """One API server, as one user. Safe to use from several threads."""

    def __init__(self, name: str, configuration: Configuration, patience: Patience) -> None:
        self.name = name
        self._configuration = configuration
        self._patience = patience
        self._pool = RESTClientObject(configuration).pool_manager

    def items(self, path: str, what: str) -> tuple[Item, ...]:
        """All objects of the list at `path`; `what` names them in errors ("pods in shop").

        VoiceApiError with code cluster_unreachable, cluster_certificate_expired,
        cluster_certificate_untrusted, cluster_unauthorised, cluster_forbidden or cluster_failed.
        """
        deadline = time.monotonic() + self._patience.list_seconds
        try:
            return tuple(self._pages(path, what, deadline))
        except ListExpiredError:
            pass
        try:
            return tuple(self._pages(path, what, deadline))
        except ListExpiredError:
            raise self._failed(f"changed too fast to list its {what}") from None

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
            raise self._refused(response.status, what)
        try:
            page = json.loads(response.data)
            if isinstance(page["items"], list) and isinstance(page["metadata"], dict):
                return dict(page)
        except (ValueError, KeyError, TypeError) as error:
            raise self._failed("answered with something else than a Kubernetes list") from error
        raise self._failed("answered with something else than a Kubernetes list")

    def _response(self, path_and_query: str, what: str, deadline: float) -> urllib3.BaseHTTPResponse:
        left = deadline - time.monotonic()
        if left <= 0:
            raise self._too_slow(what)
        try:
            return self._pool.request(
                "GET",
                f"{self._configuration.host}{path_and_query}",
                headers={"Accept": "application/json", "User-Agent": "kvx-voice-api", **self._credentials()},
                timeout=urllib3.Timeout(
                    connect=min(left, self._patience.connect_seconds),
                    read=min(left, self._patience.read_seconds),
                ),
                retries=False,
            )
        except urllib3.exceptions.NewConnectionError as error:  # which is a TimeoutError, whatever happened
            raise self._unreachable("cannot be reached") from error
        except urllib3.exceptions.TimeoutError as error:
            raise self._too_slow(what) from error
        except urllib3.exceptions.SSLError as error:
            raise self._untrusted(error) from error
        except urllib3.exceptions.HTTPError as error:
            raise self._unreachable("broke off the connection") from error

    def _credentials(self) -> dict[str, str]:
        settings: Mapping[str, Any] = self._configuration.auth_settings()
        return {
            each["key"]: each["value"]
            for each in settings.values()
            if each["in"] == "header" and each["value"]
        }

    def _too_slow(self, what: str) -> VoiceApiError:
        return self._unreachable(f"did not list its {what} in time")

    def _unreachable(self, happened: str) -> VoiceApiError:
        return VoiceApiError(
            "cluster_unreachable",
            f"The cluster {self.name} {happened}.",
            f"Check that {self._configuration.host} runs and can be reached from here.",
            status=503,
        )

    def _untrusted(self, error: BaseException) -> VoiceApiError:
        if any(each.verify_code == CERTIFICATE_HAS_EXPIRED for each in _verification_errors(error)):
            return VoiceApiError(
                "cluster_certificate_expired",
                f"The certificate of the cluster {self.name} has expired.",
                "Renew the API server's certificate (k3s does so when it restarts).",
                status=502,
            )
        return VoiceApiError(
            "cluster_certificate_untrusted",
            f"The certificate of the cluster {self.name} cannot be trusted, or ours cannot be used.",
            "Fetch the kubeconfig from the cluster again; it names the authority and our own certificate.",
            status=502,
        )

    def _refused(self, status: int, what: str) -> VoiceApiError:
        if status == 401:
            return self._unauthorised()
        if status == 403:
            return VoiceApiError(
                "cluster_forbidden",
                f"The cluster {self.name} does not let me list its {what}.",
                "Bind the cluster role view, and for nodes a role that may list nodes, to this user.",
                status=502,
            )
        return self._failed(f"answered with status {status} when asked for its {what}")

    def _unauthorised(self) -> VoiceApiError:
        until = _valid_until(self._configuration.cert_file)
        if until is not None and until < datetime.now(UTC):
            return VoiceApiError(
                "cluster_certificate_expired",
                f"Our certificate for the cluster {self.name} expired on {until:%d %B %Y}.",
                "Fetch the kubeconfig from the cluster again, or renew its client certificate.",
                status=502,
            )
        return VoiceApiError(
            "cluster_unauthorised",
            f"The cluster {self.name} does not accept our credentials.",
            "Log in again, or fetch the kubeconfig from the cluster again.",
            status=502,
        )

    def _failed(self, happened: str) -> VoiceApiError:
        return VoiceApiError(
            "cluster_failed",
            f"The cluster {self.name} {happened}.",
            f"Check the API server at {self._configuration.host}; trying again may help.",
            status=502,
        )


def _verification_errors(error: BaseException | None) -> Iterator[ssl.SSLCertVerificationError]:
    """The verification errors among `error`, its causes and what it wraps."""
    while error is not None:
        for each in (error, *error.args):
            if isinstance(each, ssl.SSLCertVerificationError):
                yield each
        error = error.__cause__ or error.__context__


def _valid_until(certificate: str | None) -> datetime | None:
    """When the first certificate in this PEM file ends, None if that cannot be told."""
    if not certificate:
        return None
    with suppress(OSError, ValueError):
        found = VALIDITY.search(ssl.PEM_cert_to_DER_cert(_first_certificate(certificate)))
        if found:
            return datetime.strptime(found[1].decode(), "%y%m%d%H%M%S").replace(tzinfo=UTC)
    return None


def _first_certificate(path: str) -> str:
    end = "-----END CERTIFICATE-----"
    return Path(path).read_text(encoding="ascii").partition(end)[0].strip() + f"\n{end}\n"

"""What is said when a cluster cannot be asked: one VoiceApiError for each thing that can be wrong."""

import re
import ssl
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from voice_api.errors import VoiceApiError

CERTIFICATE_HAS_EXPIRED = 10  # X509_V_ERR_CERT_HAS_EXPIRED of OpenSSL
# Where a DER certificate holds "not before" and "not after", both as UTCTime (RFC 5280 4.1.2.5).
VALIDITY = re.compile(rb"\x17\x0d\d{12}Z\x17\x0d(\d{12})Z")


@dataclass(frozen=True, slots=True)
class Failures:
    """The errors of one cluster.

    name         what the user calls it
    host         the address of its API server
    certificate  the PEM file with which we log in, if we do so with one
    """

    name: str
    host: str
    certificate: str | None

    def unreachable(self, happened: str) -> VoiceApiError:
        return VoiceApiError(
            "cluster_unreachable",
            f"The cluster {self.name} {happened}.",
            f"Check that {self.host} runs and can be reached from here.",
            status=503,
        )

    def failed(self, happened: str) -> VoiceApiError:
        return VoiceApiError(
            "cluster_failed",
            f"The cluster {self.name} {happened}.",
            f"Check the API server at {self.host}; trying again may help.",
            status=502,
        )

    def untrusted(self, error: BaseException) -> VoiceApiError:
        """For a TLS handshake that broke off with `error`."""
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

    def refused(self, status: int, what: str) -> VoiceApiError:
        """For an HTTP status other than 200; `what` was asked for ("pods in shop")."""
        if status == 401:
            return self._unauthorised()
        if status == 403:
            return VoiceApiError(
                "cluster_forbidden",
                f"The cluster {self.name} does not let me list its {what}.",
                "Bind the cluster role view, and for nodes a role that may list nodes, to this user.",
                status=502,
            )
        return self.failed(f"answered with status {status} when asked for its {what}")

    def _unauthorised(self) -> VoiceApiError:
        until = _valid_until(self.certificate)
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

    def login_too_slow(self, seconds: float) -> VoiceApiError:
        return VoiceApiError(
            "cluster_login_too_slow",
            f"The login program of the cluster {self.name} did not end within {seconds:g} seconds.",
            "Run kubectl once by hand: the program may wait for a browser or a password.",
            status=503,
        )

    def login_impossible(self, reason: str) -> VoiceApiError:
        return VoiceApiError(
            "cluster_login_impossible",
            f"The credentials for the cluster {self.name} cannot be read: {reason.rstrip('.')}.",
            "Log in again, or fetch the kubeconfig from the cluster again.",
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

"""Keys that an identity provider publishes: fetched beside the requests, and never for each of them."""

import http.client
import json
import logging
import ssl
import threading
import time
from collections.abc import Callable, Mapping
from typing import Any, TypeAlias
from urllib.parse import SplitResult, urlsplit

import jwt

from voice_api.errors import VoiceApiError

log = logging.getLogger("voice_api.users")
Keys: TypeAlias = Mapping[str, jwt.PyJWK]

DISCOVERY = "/.well-known/openid-configuration"
PATIENCE_SECONDS = 5.0
MOST_BYTES = 1_000_000
MOST_KEYS = 100
FRESH_SECONDS, TRIED_SECONDS, TRUSTED_SECONDS = 300.0, 30.0, 86_400.0
LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost"})


class DiscoveryError(Exception):
    """Why the keys cannot be had, in a few words."""


def published(issuer: str, patience_seconds: float = PATIENCE_SECONDS) -> Keys:
    """The signing keys of `issuer`, by id, as its discovery document leads to them; else DiscoveryError."""
    document = _read(issuer.rstrip("/") + DISCOVERY, patience_seconds)
    if document.get("issuer") != issuer:
        raise DiscoveryError("its discovery document names another issuer")
    address = document.get("jwks_uri")
    if not isinstance(address, str):
        raise DiscoveryError("its discovery document names no jwks_uri")
    try:
        found = jwt.PyJWKSet.from_dict(_read(address, patience_seconds)).keys
    except jwt.PyJWTError as error:
        raise DiscoveryError("it publishes no keys that can be used") from error
    return {each.key_id: each for each in found[:MOST_KEYS] if each.key_id}


class PublishedKeys:
    """Keys of a moment ago, at once. Whoever needs a newer one is told to come again while it is fetched."""

    def __init__(self, fetch: Callable[[], Keys], clock: Callable[[], float] = time.monotonic) -> None:
        self._fetch, self._clock = fetch, clock
        self._keys: Keys = {}
        self._had: float | None = None
        self._tried: float | None = None
        self._fetching = False
        self._lock = threading.Lock()
        self._came = threading.Event()

    def prime(self, seconds: float = PATIENCE_SECONDS) -> None:
        """Begin to fetch, and wait a moment, so that the first who speaks need not come again."""
        self._renew()
        self._came.wait(seconds)

    def find(self, identifier: str) -> jwt.PyJWK | None:
        """None for a key that is not there; VoiceApiError 503 where that is not known now."""
        now = self._clock()
        with self._lock:
            found, had = self._trusted(now).get(identifier), self._had
        begun = self._renew() if found is None or had is None or now - had >= FRESH_SECONDS else False
        if found is not None:
            return found
        with self._lock:  # a fetch that somebody else began may have come to its end meanwhile
            found = self._trusted(now).get(identifier)
            unknown = begun or self._fetching or not self._trusted(now)
        if found is None and unknown:
            message = "the identity provider's keys are not known now"
            fix = "try again; where it stays so, look whether the issuer can be reached from here"
            raise VoiceApiError("issuer_keys_missing", message, fix, 503, retry_after_seconds=2)
        return found

    def _trusted(self, now: float) -> Keys:
        """None of them after a day without the provider."""
        return self._keys if self._had is not None and now - self._had < TRUSTED_SECONDS else {}

    def _renew(self) -> bool:
        """Fetch on a thread, no sooner than some time after the last try; whether that has begun."""
        now = self._clock()
        with self._lock:
            if self._fetching or (self._tried is not None and now - self._tried < TRIED_SECONDS):
                return False
            self._fetching, self._tried = True, now
        threading.Thread(target=self._fetched, name="issuer-keys", daemon=True).start()
        return True

    def _fetched(self) -> None:
        try:
            keys = self._fetch()
            with self._lock:
                self._keys, self._had = keys, self._clock()
        except DiscoveryError as error:
            log.warning("the identity provider's keys cannot be had", extra={"reason": str(error)})
        finally:
            with self._lock:
                self._fetching = False
            self._came.set()


def _read(address: str, patience_seconds: float) -> dict[str, Any]:
    url = urlsplit(address)
    connection = _connection(url, patience_seconds)
    try:
        connection.request(
            "GET", f"{url.path or '/'}?{url.query}".rstrip("?"), headers={"Accept": "application/json"}
        )
        response = connection.getresponse()
        body = response.read(MOST_BYTES + 1)
    except (OSError, http.client.HTTPException) as error:
        raise DiscoveryError(f"{url.hostname} cannot be asked: {type(error).__name__}") from error
    finally:
        connection.close()
    if response.status != 200 or len(body) > MOST_BYTES:  # no redirect is followed
        raise DiscoveryError(f"{url.hostname} answers with {response.status} and {len(body)} bytes")
    try:
        content = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise DiscoveryError(f"{url.hostname} answers no JSON") from error
    if not isinstance(content, dict):
        raise DiscoveryError(f"{url.hostname} answers no JSON object")
    return content


def _connection(url: SplitResult, patience_seconds: float) -> http.client.HTTPConnection:
    """Encrypted, but to this very machine."""
    try:
        host, port = url.hostname or "", url.port
    except ValueError as error:
        raise DiscoveryError("its address is none") from error
    if url.scheme == "https" and host:
        trust = ssl.create_default_context()
        return http.client.HTTPSConnection(host, port, timeout=patience_seconds, context=trust)
    if url.scheme == "http" and host in LOOPBACK:
        return http.client.HTTPConnection(host, port, timeout=patience_seconds)
    raise DiscoveryError("its address has to begin with https://")

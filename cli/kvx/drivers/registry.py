"""Reads images from a registry over its HTTP API; believes only what has the right digest.

The API is that of the OCI distribution specification 1.1.
"""

import hashlib
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from http import HTTPStatus
from typing import BinaryIO, TypeVar

import httpx

from kvx.drivers.registry_access import authorization, login_missing
from kvx.drivers.registry_login import Login, login_of
from kvx.drivers.waiting import wait_until
from kvx.errors import ExitCode, KvxError
from kvx.images.documents import INDEXES, MANIFESTS, Descriptor
from kvx.images.reference import DEFAULT_REGISTRY, Reference
from kvx.world import World

ATTEMPTS = 4
LONGEST_PAUSE_SECONDS = 20.0
DOCUMENT_BYTES = 4 << 20  # the specification asks registries to take manifests of this size
TIMEOUT = httpx.Timeout(30, connect=5)
_TRANSIENT = {
    HTTPStatus.TOO_MANY_REQUESTS,
    HTTPStatus.INTERNAL_SERVER_ERROR,
    HTTPStatus.BAD_GATEWAY,
    HTTPStatus.SERVICE_UNAVAILABLE,
    HTTPStatus.GATEWAY_TIMEOUT,
}
_ON_THIS_MACHINE = ("localhost", "127.0.0.1", "[::1]")
T = TypeVar("T")


class NotThereError(KvxError):
    """The registry answers, and has no such image."""


class Registry:
    """One repository of a registry, read one request after the other."""

    def __init__(
        self, reference: Reference, world: World, login: Callable[[str], Login | None] = login_of
    ) -> None:
        self._reference = reference
        self._world = world
        self._login = login
        self._auth: httpx.Auth | None = None
        self._client = httpx.Client(timeout=TIMEOUT, follow_redirects=True)
        self._address = f"{address_of(reference.registry)}/v2/{reference.repository}"
        self._what = f"{reference.registry}/{reference.repository}"

    def close(self) -> None:
        self._client.close()

    def manifest(self, wanted: str) -> tuple[str, bytes]:
        """Digest and content of the index or manifest of that tag or digest."""
        kinds = {"accept": ", ".join((*INDEXES, *MANIFESTS))}
        with self._answer(f"/manifests/{wanted}", kinds) as answer:
            content = self._read_small(answer)
        digest = f"sha256:{hashlib.sha256(content).hexdigest()}"
        if wanted.startswith("sha256:") and digest != wanted:
            raise self._damaged(wanted)
        return digest, content

    def digest(self, wanted: str) -> str | None:
        """What a tag means now; None where the repository has no such tag."""
        try:
            return self.manifest(wanted)[0]
        except NotThereError:
            return None

    def document(self, descriptor: Descriptor) -> bytes:
        """A small blob, such as an image's configuration."""
        with self._answer(f"/blobs/{descriptor.digest}") as answer:
            content = self._read_small(answer)
        if f"sha256:{hashlib.sha256(content).hexdigest()}" != descriptor.digest:
            raise self._damaged(descriptor.digest)
        return content

    @contextmanager
    def layer(self, descriptor: Descriptor) -> Iterator[BinaryIO]:
        """A layer in a file of its own that is gone afterwards; no more than the size that was declared."""
        seen, size = hashlib.sha256(), 0
        with tempfile.TemporaryFile() as file:
            with self._answer(f"/blobs/{descriptor.digest}") as answer:
                for piece in self._pieces(answer):
                    size += len(piece)
                    if size > descriptor.size_bytes:
                        raise self._damaged(descriptor.digest)
                    seen.update(piece)
                    file.write(piece)
            if f"sha256:{seen.hexdigest()}" != descriptor.digest:
                raise self._damaged(descriptor.digest)
            file.seek(0)
            yield file

    def tags(self) -> tuple[str, ...]:
        """Every tag of the repository, as far as the registry tells them."""
        with self._answer("/tags/list") as answer:
            told = httpx.Response(200, content=self._read_small(answer)).json()
        return tuple(sorted(map(str, told.get("tags") or ())))

    @contextmanager
    def _answer(self, path: str, headers: Mapping[str, str] | None = None) -> Iterator[httpx.Response]:
        """A success, its body not read yet; tried again where that may help."""
        answer = self._tried(lambda: self._send(path, headers or {}))
        try:
            yield answer
        except httpx.TransportError as error:
            raise self._broken(error) from None
        finally:
            answer.close()

    def _send(self, path: str, headers: Mapping[str, str]) -> httpx.Response:
        request = self._client.build_request("GET", f"{self._address}{path}", headers=headers)
        answer = self._client.send(request, stream=True, auth=self._auth)
        if answer.status_code == HTTPStatus.UNAUTHORIZED and self._auth is None:
            answer.close()
            login = self._login(self._reference.registry)
            self._auth = authorization(self._client, answer, login, self._what)
            answer = self._client.send(request, stream=True, auth=self._auth)
        return answer

    def _tried(self, send: Callable[[], httpx.Response]) -> httpx.Response:
        for attempt in range(1, ATTEMPTS + 1):
            try:
                answer = send()
            except httpx.TransportError as error:
                if attempt == ATTEMPTS:
                    raise self._broken(error) from None
                self._pause(2.0**attempt / 2, f"{self._reference.registry}: {type(error).__name__}")
                continue
            except httpx.HTTPStatusError as error:
                answer = error.response
            if answer.status_code not in _TRANSIENT or attempt == ATTEMPTS:
                return self._success(answer)
            answer.close()
            self._pause(_asked_pause(answer, attempt), f"the registry answers {answer.status_code}")
        raise AssertionError("the last attempt returns or raises")

    def _pause(self, seconds: float, why: str) -> None:
        self._world.progress(f"{why}; again in {seconds:g} s")
        wait_until(lambda: False, min(seconds, LONGEST_PAUSE_SECONDS), self._world)

    def _success(self, answer: httpx.Response) -> httpx.Response:
        if answer.is_success:
            return answer
        answer.close()
        status = answer.status_code
        if status in (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN):
            raise login_missing(self._what, self._login(self._reference.registry))
        if status == HTTPStatus.NOT_FOUND:
            message = f"{self._reference} is not in the registry"
            raise NotThereError(message, f"kvx images list {self._what}", ExitCode.MISSING)
        message = f"{self._reference.registry} answers {status} {answer.reason_phrase} for {self._what}"
        raise KvxError(message, "try again later, or ask who runs the registry")

    def _read_small(self, answer: httpx.Response) -> bytes:
        content = b""
        for piece in self._pieces(answer):
            content += piece
            if len(content) > DOCUMENT_BYTES:
                raise KvxError(f"{self._what} has a document of over 4 MiB", "build and push the image again")
        return content

    def _pieces(self, answer: httpx.Response) -> Iterator[bytes]:
        for piece in answer.iter_bytes():
            if self._world.stop_requested():
                raise KvxError("stopped on request", "run the command again", ExitCode.INTERRUPTED)
            yield piece

    def _broken(self, error: httpx.TransportError) -> KvxError:
        address = address_of(self._reference.registry)
        message = f"the registry at {address} cannot be reached: {error or type(error).__name__}"
        return KvxError(message, f"curl -i {address}/v2/", ExitCode.MISSING)

    def _damaged(self, digest: str) -> KvxError:
        message = f"{self._what} sends something else than {digest}: it is damaged, or was changed on the way"
        return KvxError(message, "build and push the image again")


def address_of(registry: str) -> str:
    """Where a registry's API is; as with Docker only the one on this machine may do without encryption."""
    host = "registry-1.docker.io" if registry == DEFAULT_REGISTRY else registry
    plain = any(registry == name or registry.startswith(f"{name}:") for name in _ON_THIS_MACHINE)
    return f"{'http' if plain else 'https'}://{host}"


def _asked_pause(answer: httpx.Response, attempt: int) -> float:
    """What Retry-After asks for in seconds, else longer each time."""
    asked = answer.headers.get("retry-after", "")
    return float(asked) if asked.isdecimal() else 2.0**attempt / 2

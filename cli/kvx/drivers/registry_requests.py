"""Asks one repository of a registry over HTTP: past its door, again where that may help, and says why not."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from http import HTTPStatus

import httpx

from kvx.drivers.absent import NotThereError
from kvx.drivers.registry_access import authorization, login_missing
from kvx.drivers.registry_login import Login
from kvx.drivers.waiting import wait_until
from kvx.errors import ExitCode, KvxError
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
_FULL = (HTTPStatus.INSUFFICIENT_STORAGE, HTTPStatus.REQUEST_ENTITY_TOO_LARGE)
_READING = ("GET", "HEAD")
_ON_THIS_MACHINE = ("localhost", "127.0.0.1", "[::1]")


class Requests:
    """One request after the other, to one repository."""

    def __init__(self, reference: Reference, world: World, login: Callable[[str], Login | None]) -> None:
        self.what = f"{reference.registry}/{reference.repository}"
        self._reference = reference
        self._world = world
        self._login = login
        self._auth: httpx.Auth | None = None
        self._client = httpx.Client(timeout=TIMEOUT, follow_redirects=True)
        self._address = httpx.URL(f"{address_of(reference.registry)}/v2/{reference.repository}/")

    def close(self) -> None:
        self._client.close()

    @contextmanager
    def answer(
        self,
        path: str,
        headers: Mapping[str, str] | None = None,
        method: str = "GET",
        content: Callable[[], Iterator[bytes]] | bytes | None = None,
    ) -> Iterator[httpx.Response]:
        """A success, its body not read yet; a whole address will do as `path`; content may be sent twice."""
        address = self._address.join(path)
        answer = self._tried(lambda: self._send(method, address, headers or {}, content), method)
        try:
            yield answer
        except httpx.TransportError as error:
            raise self._broken(error) from None
        finally:
            answer.close()

    def small(self, answer: httpx.Response) -> bytes:
        """The body of an answer that is a document."""
        content = b""
        for piece in self.pieces(answer):
            content += piece
            if len(content) > DOCUMENT_BYTES:
                raise KvxError(f"{self.what} has a document of over 4 MiB", "build and push the image again")
        return content

    def pieces(self, answer: httpx.Response) -> Iterator[bytes]:
        """The body as it comes, until asked to stop."""
        for piece in answer.iter_bytes():
            self.check_stop()
            yield piece

    def check_stop(self) -> None:
        if self._world.stop_requested():
            raise KvxError("stopped on request", "run the command again", ExitCode.INTERRUPTED)

    def _send(
        self,
        method: str,
        address: httpx.URL,
        headers: Mapping[str, str],
        content: Callable[[], Iterator[bytes]] | bytes | None,
    ) -> httpx.Response:
        """Each time that the door asks for more, such as the right to write, once what it asks for."""
        answer = self._sent(method, address, headers, content)
        if answer.status_code == HTTPStatus.UNAUTHORIZED and address.host == self._address.host:
            answer.close()
            login = self._login(self._reference.registry)
            self._auth = authorization(self._client, answer, login, self.what)
            answer = self._sent(method, address, headers, content)
        return answer

    def _sent(
        self,
        method: str,
        address: httpx.URL,
        headers: Mapping[str, str],
        content: Callable[[], Iterator[bytes]] | bytes | None,
    ) -> httpx.Response:
        body = content() if callable(content) else content
        request = self._client.build_request(method, address, headers=headers, content=body)
        return self._client.send(
            request, stream=True, auth=self._auth if address.host == self._address.host else None
        )

    def _tried(self, send: Callable[[], httpx.Response], method: str) -> httpx.Response:
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
                return self._success(answer, method)
            answer.close()
            self._pause(_asked_pause(answer, attempt), f"the registry answers {answer.status_code}")
        raise AssertionError("the last attempt returns or raises")

    def _pause(self, seconds: float, why: str) -> None:
        self._world.progress(f"{why}; again in {seconds:g} s")
        wait_until(lambda: False, min(seconds, LONGEST_PAUSE_SECONDS), self._world)

    def _success(self, answer: httpx.Response, method: str) -> httpx.Response:
        if answer.is_success:
            return answer
        answer.close()
        status = answer.status_code
        if status in (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN):
            raise login_missing(
                self.what, self._login(self._reference.registry), writing=method not in _READING
            )
        if status == HTTPStatus.NOT_FOUND:
            message = f"{self._reference} is not in the registry"
            raise NotThereError(message, f"kvx images list {self.what}", ExitCode.MISSING)
        message = f"{self._reference.registry} answers {status} {answer.reason_phrase} for {self.what}"
        if status == HTTPStatus.METHOD_NOT_ALLOWED:
            fix = "let its own rules remove them, or allow it: REGISTRY_STORAGE_DELETE_ENABLED=true"
            raise KvxError(f"{self._reference.registry} lets nobody delete images", fix, ExitCode.MISSING)
        # Docker's own registry answers 500 where its disk is full.
        if status in _FULL or (method not in _READING and status >= HTTPStatus.INTERNAL_SERVER_ERROR):
            raise KvxError(
                f"{message}: it may be full", "make room in the registry: kvx images prune --delete"
            )
        raise KvxError(message, "try again later, or ask who runs the registry")

    def _broken(self, error: httpx.TransportError) -> KvxError:
        address = address_of(self._reference.registry)
        message = f"the registry at {address} cannot be reached: {error or type(error).__name__}"
        return KvxError(message, f"curl -i {address}/v2/", ExitCode.MISSING)


def address_of(registry: str) -> str:
    """Where a registry's API is; as with Docker only the one on this machine may do without encryption."""
    host = "registry-1.docker.io" if registry == DEFAULT_REGISTRY else registry
    plain = any(registry == name or registry.startswith(f"{name}:") for name in _ON_THIS_MACHINE)
    return f"{'http' if plain else 'https'}://{host}"


def _asked_pause(answer: httpx.Response, attempt: int) -> float:
    """What Retry-After asks for in seconds, else longer each time."""
    asked = answer.headers.get("retry-after", "")
    return float(asked) if asked.isdecimal() else 2.0**attempt / 2

"""Registries that are down, want a login, tell lies or falter: what kvx says, and with which exit code."""

import base64
import json
import socket
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from made import Pusher, right

from kvx.drivers.image_proof import examined
from kvx.drivers.registry import Registry
from kvx.drivers.registry_login import Login, login_of
from kvx.drivers.registry_requests import ATTEMPTS, address_of
from kvx.errors import ExitCode, KvxError
from kvx.images.documents import Platform
from kvx.images.proof import Wanted
from kvx.images.reference import parse_reference
from kvx.secret import Secret
from kvx.world import World, real_world

WANTED = Wanted((Platform("linux", "arm64"),), 1_000_000)
PASSWORD = "correct horse"
HASHED = "$2b$05$8FCvADxJrBEYLyGlnNsYgeJxusiRvQ6i25b1WJ.2A85ehtsysStAa"


@pytest.fixture
def quick() -> World:
    """A world in which pauses pass at once, and are counted."""
    passed = [0.0]

    def sleep(seconds: float) -> None:
        passed[0] += seconds

    return replace(real_world(), sleep=sleep, monotonic=lambda: passed[0])


def test_a_registry_that_is_down_is_told_with_exit_code_3(quick: World) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    with pytest.raises(KvxError) as raised:
        examined(parse_reference(f"localhost:{port}/a:b"), WANTED, quick)
    assert raised.value.exit_code is ExitCode.MISSING
    assert raised.value.fix == f"curl -i http://localhost:{port}/v2/"


@pytest.mark.needs("images")
def test_an_image_that_is_not_there_is_told_with_exit_code_3(local_registry: Any) -> None:
    with pytest.raises(KvxError) as raised:
        examined(parse_reference(f"{local_registry.name}/nothing:here"), WANTED, real_world())
    assert raised.value.exit_code is ExitCode.MISSING
    assert "nothing:here is not in the registry" in raised.value.message


@pytest.mark.needs("images")
def test_a_layer_that_was_changed_in_the_registry_is_refused(registry_with: Callable[[str], Any]) -> None:
    registry = registry_with("")
    pusher = Pusher(registry.url, "changed")
    pusher.index("a", right("arm64"))
    blobs = registry.folder / "registry/docker/registry/v2/blobs/sha256"
    layer = max(blobs.rglob("data"), key=lambda file: file.read_bytes().startswith(b"\x1f\x8b"))
    content = bytearray(layer.read_bytes())
    content[-1] ^= 1
    layer.write_bytes(content)
    with pytest.raises(KvxError, match="is damaged, or was changed on the way"):
        examined(parse_reference(f"{registry.name}/changed:a"), WANTED, real_world())


@pytest.fixture
def docker_configuration(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Docker's configuration file, empty."""
    folder = tmp_path / "docker-configuration"
    folder.mkdir()
    monkeypatch.setenv("DOCKER_CONFIG", str(folder))
    return folder / "config.json"


def write_login(file: Path, registry: str, name: str, password: str) -> None:
    """As `docker login` leaves it."""
    auth = base64.b64encode(f"{name}:{password}".encode()).decode()
    file.write_text(json.dumps({"auths": {registry: {"auth": auth}}}))


@pytest.fixture
def closed_registry(registry_with: Callable[[str], Any], tmp_path: Path) -> Any:
    """A real registry that lets in only the user kvx."""
    passwords = tmp_path / "htpasswd"
    passwords.write_text(f"kvx:{HASHED}\n")
    registry = registry_with(f"auth: {{htpasswd: {{realm: tests, path: {passwords}}}}}")
    Pusher(registry.url, "private", ("kvx", PASSWORD)).index("a", right("arm64"))
    return registry


@pytest.mark.needs("images")
def test_a_registry_opens_to_the_login_that_docker_keeps(
    closed_registry: Any, docker_configuration: Path
) -> None:
    name = parse_reference(f"{closed_registry.name}/private:a")
    with pytest.raises(KvxError) as missing:
        examined(name, WANTED, real_world())
    assert missing.value.exit_code is ExitCode.MISSING
    assert missing.value.fix == f"docker login {closed_registry.name}"
    write_login(docker_configuration, closed_registry.name, "kvx", "wrong")
    with pytest.raises(KvxError, match="does not let kvx read"):
        examined(name, WANTED, real_world())
    write_login(docker_configuration, closed_registry.name, "kvx", PASSWORD)
    assert examined(name, WANTED, real_world()).findings == ()


def test_a_credential_helper_is_asked_as_docker_asks_it(
    docker_configuration: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    helper = tmp_path / "docker-credential-tests"
    helper.write_text('#!/bin/sh\nread -r server\nprintf \'{"Username": "kvx", "Secret": "%s"}\' "$server"\n')
    helper.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    docker_configuration.write_text('{"credHelpers": {"registry.example.com": "tests"}}')
    login = login_of("registry.example.com")
    assert login is not None
    assert (login.name, login.password.reveal()) == ("kvx", "registry.example.com")
    assert login_of("another.example.com") is None
    assert "registry.example.com" not in repr(login)


@pytest.mark.filterwarnings("ignore:docker-credential-not-installed")
def test_a_helper_that_is_missing_is_told(docker_configuration: Path) -> None:
    docker_configuration.write_text('{"credsStore": "not-installed"}')
    with pytest.raises(KvxError) as raised:
        login_of("registry.example.com")
    assert raised.value.fix == "docker login registry.example.com"


class TokenRegistry(BaseHTTPRequestHandler):
    """A stand-in for registries that send their callers to fetch a token, and falter when told to."""

    falters: list[int]
    asked: list[str]
    realm = "/token"

    def do_GET(self) -> None:
        self.asked.append(self.path)
        if self.falters:
            self.answer(self.falters.pop(), b"")
        elif self.path.startswith("/token"):
            right_login = self.headers.get("authorization") == _basic("kvx", PASSWORD)
            self.answer(200 if right_login else 401, b'{"token": "let-in"}' if right_login else b"")
        elif self.headers.get("authorization") != "Bearer let-in":
            host = self.headers["host"]
            realm = self.realm if "://" in self.realm else f"http://{host}{self.realm}"
            self.answer(401, b"", f'Bearer realm="{realm}",service="tests",scope="repository:a:pull"')
        else:
            self.answer(200, b'{"name": "a", "tags": ["z", "b"]}')

    def answer(self, status: int, body: bytes, challenge: str = "") -> None:
        self.send_response(status)
        self.send_header("content-length", str(len(body)))
        if challenge:
            self.send_header("www-authenticate", challenge)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_words: object) -> None:
        """Nothing: pytest has its own output."""


def _basic(name: str, password: str) -> str:
    return "Basic " + base64.b64encode(f"{name}:{password}".encode()).decode()


@pytest.fixture
def token_registry() -> Iterator[tuple[str, type[TokenRegistry]]]:
    handler = type("Handler", (TokenRegistry,), {"falters": [], "asked": []})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"localhost:{server.server_address[1]}/a", handler
        server.shutdown()


def tags(name: str, world: World, login: Login | None) -> tuple[str, ...]:
    with closing(Registry(parse_reference(name), world, lambda _registry: login)) as registry:
        return registry.tags()


LOGIN = Login("kvx", Secret(PASSWORD))


def test_a_token_is_fetched_where_the_registry_sends_for_one(
    token_registry: tuple[str, type[TokenRegistry]], quick: World
) -> None:
    name, handler = token_registry
    assert tags(name, quick, LOGIN) == ("b", "z")
    assert handler.asked[1] == "/token?service=tests&scope=repository%3Aa%3Apull"


def test_no_token_means_no_login(token_registry: tuple[str, type[TokenRegistry]], quick: World) -> None:
    with pytest.raises(KvxError) as raised:
        tags(token_registry[0], quick, None)
    assert raised.value.exit_code is ExitCode.MISSING
    assert raised.value.fix.startswith("docker login localhost:")


def test_a_login_is_sent_nowhere_without_encryption(
    token_registry: tuple[str, type[TokenRegistry]], quick: World
) -> None:
    name, handler = token_registry
    handler.realm = "http://elsewhere.example.com/token"
    with pytest.raises(KvxError, match="which is not encrypted"):
        tags(name, quick, LOGIN)


@pytest.mark.parametrize("status", [429, 502, 503])
def test_a_registry_that_falters_is_asked_again(
    token_registry: tuple[str, type[TokenRegistry]], quick: World, status: int
) -> None:
    name, handler = token_registry
    handler.falters = [status] * (ATTEMPTS - 1)
    assert tags(name, quick, LOGIN) == ("b", "z")


def test_it_is_not_asked_for_ever(token_registry: tuple[str, type[TokenRegistry]], quick: World) -> None:
    name, handler = token_registry
    handler.falters = [503] * 100
    with pytest.raises(KvxError, match="answers 503"):
        tags(name, quick, LOGIN)
    assert len(handler.asked) == ATTEMPTS


def test_a_pause_ends_when_asked_to_stop(token_registry: tuple[str, type[TokenRegistry]]) -> None:
    name, handler = token_registry
    handler.falters = [503] * 100
    stopping = replace(real_world(), stop_requested=lambda: True, sleep=lambda _: pytest.fail("it sleeps"))
    with pytest.raises(KvxError) as raised:
        tags(name, stopping, LOGIN)
    assert raised.value.exit_code is ExitCode.INTERRUPTED


@pytest.mark.parametrize(
    ("registry", "address"),
    [
        ("docker.io", "https://registry-1.docker.io"),
        ("ghcr.io", "https://ghcr.io"),
        ("localhost:5000", "http://localhost:5000"),
        ("127.0.0.1:5000", "http://127.0.0.1:5000"),
        ("localhost.example.com", "https://localhost.example.com"),
        ("10.0.0.1:5000", "https://10.0.0.1:5000"),
    ],
)
def test_only_a_registry_on_this_machine_may_do_without_encryption(registry: str, address: str) -> None:
    assert address_of(registry) == address

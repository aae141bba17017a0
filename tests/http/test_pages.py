"""Pages in browsers: none may ask that nobody has named, and one that may can say who speaks."""

import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest
from websockets.exceptions import InvalidStatus
from websockets.sync.client import ClientConnection, connect
from websockets.typing import Origin, Subprotocol

from voice_api.commands.policy import User
from voice_api.commands.registry.declaring import EVERYWHERE
from voice_api.errors import VoiceApiError
from voice_api.http.pages import origins_of
from voice_api.settings import SettingsError

PAGE = "https://voice.example.com"
WAIT_SECONDS = 80
KEY = "openai-insecure-api-key."
Opens = Callable[..., ClientConnection]


class Ada:
    """Knows one user, by a key of hers."""

    def speaker_of(self, authorization: str | None) -> User:
        if authorization != "Bearer ada":
            raise VoiceApiError("unauthorised", "I do not know you.", "Send a key.", 401)
        return User("ada", frozenset({"operator"}), EVERYWHERE)


@pytest.fixture
def page(start: Any) -> Any:
    """A service that knows ada, and lets a page and one of this machine ask."""
    return start(proved=False, users=Ada(), browser_origins=f"{PAGE}/ http://LOCALHOST:5173")


@pytest.fixture
def opens() -> Iterator[Opens]:
    """Opens a WebSocket as a page does: with an origin, subprotocols, and no header of its own."""
    with ExitStack() as open_sockets:

        def open_one(url: str, origin: str, *offered: str, path: str = "conversation", **more: Any) -> Any:
            opening = connect(
                f"{url.replace('http', 'ws')}/v1/{path}",
                open_timeout=WAIT_SECONDS,
                origin=Origin(origin),
                subprotocols=[Subprotocol(each) for each in offered] or None,
                **more,
            )
            return open_sockets.enter_context(opening)

        yield open_one


@pytest.mark.parametrize(
    "origin", ["https://evil.example", "null", f"{PAGE}.evil.example", "http://localhost"]
)
@pytest.mark.parametrize(
    ("method", "path"), [("GET", "/v1/usage"), ("POST", "/v1/commands"), ("OPTIONS", "/v1/commands")]
)
def test_a_page_that_nobody_named_is_refused(page: Any, origin: str, method: str, path: str) -> None:
    headers = {"origin": origin, "authorization": "Bearer ada", "access-control-request-method": "POST"}
    answer = page.client.request(method, path, headers=headers, content=b'{"text": "list the nodes"}')
    assert (answer.status_code, answer.json()["error"]["code"]) == (403, "origin_refused")
    assert "access-control-allow-origin" not in answer.headers
    assert 'rejected_total{code="origin_refused"}' in page.service.figures.text().decode()


@pytest.mark.parametrize("path", ["conversation", "realtime", "realtime?intent=transcription"])
def test_a_page_that_nobody_named_opens_no_socket(page: Any, opens: Opens, path: str) -> None:
    with pytest.raises(InvalidStatus) as caught:
        opens(page.url, "https://evil.example", "realtime", f"{KEY}ada", path=path)
    assert caught.value.response.status_code == 403
    assert json.loads(caught.value.response.body)["error"]["code"] == "origin_refused"


def test_without_the_setting_no_page_may_ask(running: Any) -> None:
    assert running.client.get("/v1/models", headers={"origin": PAGE}).status_code == 403
    assert running.client.get("/v1/models", headers={"origin": running.url}).status_code == 403


def test_a_page_that_is_named_asks_and_reads_the_answer(page: Any) -> None:
    wish = {"text": "how many pods are there"}
    headers = {"origin": PAGE, "authorization": "Bearer ada"}
    answer = page.client.post("/v1/commands", json=wish, headers=headers)
    assert answer.json()["status"] == "SUCCESS"
    assert answer.headers["access-control-allow-origin"] == PAGE
    assert "x-kvx-engine" in answer.headers["access-control-expose-headers"].lower()
    assert "Origin" in answer.headers["vary"]


def test_a_page_that_is_named_may_send_a_key_and_json(page: Any) -> None:
    asked = {
        "origin": "http://localhost:5173",
        "access-control-request-method": "POST",
        "access-control-request-headers": "authorization,content-type,x-kvx-engine",
    }
    answer = page.client.options("/v1/commands", headers=asked)
    assert answer.status_code == 200
    assert answer.headers["access-control-allow-origin"] == "http://localhost:5173"
    allowed = answer.headers["access-control-allow-headers"].lower()
    assert all(each in allowed for each in ("authorization", "content-type", "x-kvx-engine"))


def test_a_page_says_who_speaks_by_a_subprotocol_that_nobody_is_told_of(page: Any, opens: Opens) -> None:
    socket = opens(page.url, PAGE, "realtime", f"{KEY}ada", "openai-beta.realtime-v1")
    assert json.loads(socket.recv(WAIT_SECONDS))["session"]["user"] == "ada"
    assert socket.subprotocol == "realtime"
    assert socket.response is not None
    assert "ada" not in str(socket.response.headers)


@pytest.mark.parametrize("offered", [(), ("realtime",), ("realtime", f"{KEY}eve"), ("realtime", KEY)])
def test_who_is_not_known_is_not_known_by_a_page_either(
    page: Any, opens: Opens, offered: tuple[str, ...]
) -> None:
    with pytest.raises(InvalidStatus) as caught:
        opens(page.url, PAGE, *offered)
    assert caught.value.response.status_code == 401


def test_a_header_counts_more_than_a_subprotocol(page: Any, opens: Opens) -> None:
    with pytest.raises(InvalidStatus) as caught:
        opens(page.url, PAGE, "realtime", f"{KEY}ada", additional_headers={"Authorization": "Bearer eve"})
    assert caught.value.response.status_code == 401


def test_a_page_may_speak_the_older_protocol(page: Any, opens: Opens) -> None:
    path = "realtime?intent=transcription"
    offers = (("realtime",), ("realtime", "openai-beta.realtime-v1"))
    greetings = [opens(page.url, PAGE, *each, path=path).recv(WAIT_SECONDS) for each in offers]
    kinds = [json.loads(greeting)["type"] for greeting in greetings]
    assert kinds == ["session.created", "transcription_session.created"]


@pytest.mark.parametrize(
    ("setting", "origins"),
    [
        ("", ()),
        ("https://Voice.Example.com:443/,http://[::1]:80", ("https://voice.example.com", "http://[::1]")),
        ("http://localhost:5173", ("http://localhost:5173",)),
    ],
)
def test_origins_are_compared_as_browsers_write_them(setting: str, origins: tuple[str, ...]) -> None:
    assert origins_of(setting) == origins


@pytest.mark.parametrize(
    "setting",
    [
        "*",
        "https://*.example.com",
        "voice.example.com",
        "https://a.example/path",
        "null",
        "http://a:b",
        "ws://a",
    ],
)
def test_what_is_no_origin_is_refused_at_the_start(setting: str) -> None:
    with pytest.raises(SettingsError, match="browser_origins"):
        origins_of(setting)

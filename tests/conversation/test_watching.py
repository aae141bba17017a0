"""How names are followed where the API server does not let them be followed, or breaks off."""

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs

import pytest
from kubernetes.client import Configuration

from voice_api.cluster.connection import Connection
from voice_api.cluster.kinds import KINDS
from voice_api.cluster.protocol import Named
from voice_api.cluster.requests import Patience
from voice_api.cluster.watching import SILENT_SECONDS, Watched

GROWING = [1.0, 2.0, 5.0, 10.0, 30.0, 30.0]
CART = Named("service", "shop", "cart")
OBJECT = {"metadata": {"name": "cart", "namespace": "shop", "resourceVersion": "7"}}
ONE, NONE = ({"metadata": {"resourceVersion": "7"}, "items": items} for items in ([OBJECT], None))
ADDED = {"type": "ADDED", "object": OBJECT}
BOOKMARK = {"type": "BOOKMARK", "object": {"metadata": {"resourceVersion": "8"}}}
ERROR = {"type": "ERROR", "object": {"kind": "Status", "code": 410}}
AT_ONCE: tuple[int, list[Any]] = 200, []


class EnoughError(Exception):
    """Ends what never ends."""


class Server:
    """An API server that can list; each watch is answered with a status and lines, in the end as the last."""

    def __init__(self, url: str, watches: list[tuple[int, list[Any]]], listed: dict[str, Any]) -> None:
        self.url, self.watches, self.listed = url, watches, listed
        self.asked: list[str] = []
        self.watch_seconds = 0

    def answer(self, path: str) -> tuple[int, bytes]:
        if "watch=true" not in path:
            self.asked.append("list")
            return 200, json.dumps(self.listed).encode()
        self.asked.append("watch")
        self.watch_seconds = int(parse_qs(path)["timeoutSeconds"][0])
        status, lines = self.watches.pop(0) if len(self.watches) > 1 else self.watches[0]
        return status, b"".join(json.dumps(each).encode() + b"\n" for each in lines)


@contextmanager
def serving(*watches: tuple[int, list[Any]], listed: dict[str, Any] = ONE) -> Iterator[Server]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            status, body = server.answer(self.path)
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: Any) -> None:
            """Nobody reads it."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as http:
        server = Server(f"http://127.0.0.1:{http.server_port}", list(watches), listed)
        threading.Thread(target=http.serve_forever, daemon=True).start()
        try:
            yield server
        finally:
            http.shutdown()


def connected(url: str) -> Connection:
    configuration = Configuration()
    configuration.host = url
    return Connection("stand-in", configuration, Patience())


def pauses(server: Server, many: int, clock: Callable[[], float] = lambda: 0.0) -> list[float]:
    """So many of those that are taken between what is asked of the server."""
    taken: list[float] = []

    def pause(seconds: float) -> None:
        taken.append(seconds)
        if len(taken) == many:
            raise EnoughError

    watched = Watched(connected(server.url), KINDS["service"], lambda: None, clock, pause)
    with pytest.raises(EnoughError):
        watched.follow()
    assert watched.names() == {CART}, "what is known is kept"
    return taken


@pytest.mark.parametrize(
    "watch", [(403, []), (410, []), (200, [ERROR])], ids=["refused", "expired", "an error"]
)
def test_where_it_lists_and_cannot_be_watched_the_pauses_grow(watch: tuple[int, list[Any]]) -> None:
    with serving(watch) as server:
        assert pauses(server, 6) == GROWING
        assert server.asked == ["list", "watch"] * 6


def test_watches_that_end_at_once_go_on_without_a_list_and_the_pauses_grow() -> None:
    with serving(AT_ONCE) as server:
        assert pauses(server, 6) == GROWING
        assert server.asked == ["list", *["watch"] * 6]


def test_a_watch_that_brought_something_lets_the_failures_be_forgotten() -> None:
    with serving((403, []), (403, []), (200, [BOOKMARK]), (403, [])) as server:
        assert pauses(server, 4) == [1.0, 2.0, 1.0, 2.0]
        assert server.asked == [*["list", "watch"] * 3, "watch", *["list", "watch"]]


def test_a_watch_that_held_lets_the_failures_be_forgotten_and_goes_on_at_once() -> None:
    times = iter([0.0, 0.1, 1.0, 1.1, 2.0, 292.0, 292.0, 292.1])
    with serving((403, []), (403, []), AT_ONCE, (403, [])) as server:
        assert pauses(server, 3, lambda: next(times)) == [1.0, 2.0, 1.0]
        assert server.asked == [*["list", "watch"] * 3, "watch"]


def test_a_kind_of_which_there_is_nothing_yet_is_followed() -> None:
    with serving((200, [ADDED]), (403, []), listed=NONE) as server:
        assert pauses(server, 1) == [1.0]
        assert server.asked == ["list", "watch", "watch"]


def test_the_server_ends_a_silent_watch_before_it_is_taken_for_dead_and_soon() -> None:
    with serving(AT_ONCE) as server:
        pauses(server, 1)
        assert server.watch_seconds + 10 < SILENT_SECONDS <= 120

"""A server that speaks llama.cpp's, Ollama's and OpenAI's chat APIs, and answers whatever it is told to."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

HEALTH = frozenset({"/health", "/v1/models", "/models", "/api/version"})
SLOW_SECONDS = 300


@dataclass
class Small:
    """What it is to answer next, and what it was asked.

    messages  of the assistant, one for each request; the last one for all that follow
    fault     "none", a status, "slow", "cut off", "no json", "no choice"; "loading" for llama.cpp's 503
    unwell    whether its health is asked in vain: "none", a status, "slow"
    """

    address: str = ""
    messages: list[Any] = field(default_factory=list)
    fault: str = "none"
    unwell: str = "none"
    asked: list[dict[str, Any]] = field(default_factory=list)
    paths: list[str] = field(default_factory=list)
    keys: list[str | None] = field(default_factory=list)
    let_go: threading.Event = field(default_factory=threading.Event)

    @property
    def questions(self) -> list[str]:
        """What the user said in each prompt."""
        return [each["messages"][-1]["content"] for each in self.asked]

    def next_message(self) -> Any:
        return self.messages.pop(0) if len(self.messages) > 1 else self.messages[0]


def calling(function: str, /, *, as_object: bool = False, **arguments: object) -> dict[str, Any]:
    """A message that calls one function, as llama.cpp and OpenAI send it, or as Ollama does."""
    given = arguments if as_object else json.dumps(arguments)
    call = {"id": "call_1", "type": "function", "function": {"name": function, "arguments": given}}
    return {"role": "assistant", "content": None, "tool_calls": [call]}


@contextmanager
def small_server() -> Iterator[Small]:
    small = Small()
    server = _Serving(small)
    small.address = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield small
    finally:
        small.let_go.set()
        server.shutdown()
        server.server_close()
        thread.join(10)


class _Serving(ThreadingHTTPServer):
    """Whoever is given up closes its connection: that is no error here."""

    daemon_threads = True

    def __init__(self, small: Small) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.small = small

    def handle_error(self, *_: object) -> None:
        """Nothing is printed."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    @property
    def small(self) -> Small:
        assert isinstance(self.server, _Serving)
        return self.server.small

    def do_GET(self) -> None:
        self._note()
        unwell = self.small.unwell
        if unwell == "slow":
            self.small.let_go.wait(SLOW_SECONDS)
        known = self.path in HEALTH
        self._send(int(unwell) if unwell.isdecimal() else 200 if known else 404, b"{}")

    def do_POST(self) -> None:
        self._note()
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.small.asked.append(body)
        match self.small.fault:
            case "slow":
                self.small.let_go.wait(SLOW_SECONDS)
                self._send(200, b"{}")
            case "cut off":
                self.close_connection = True
            case "no json":
                self._send(200, b"<html>")
            case "no choice":
                self._send(200, b'{"choices": [], "message": null}')
            case status if status.isdecimal():
                self._send(int(status), json.dumps({"error": {"message": str(self.small.keys)}}).encode())
            case _:
                self._send(200, json.dumps(self._answer()).encode())

    def _answer(self) -> dict[str, Any]:
        message = self.small.next_message()
        if self.path == "/api/chat":
            return {"model": "small", "message": message, "done": True}
        return {"object": "chat.completion", "choices": [{"index": 0, "message": message}]}

    def _note(self) -> None:
        self.small.paths.append(self.path)
        self.small.keys.append(self.headers["Authorization"])

    def _send(self, status: int, data: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *_: object) -> None:
        """Nothing is printed."""

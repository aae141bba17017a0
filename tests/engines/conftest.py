"""A stand-in for a provider of transcriptions, with every way to fail; the real openai client accepts it."""

import json
import logging
import threading
import time
import traceback
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from email.parser import BytesParser
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

KEY = "sk-canary-7f3a9b"
WORDS = "how many pods are running"


@dataclass
class Provider:
    """What it is to do, and what it was sent."""

    address: str = ""
    fault: str = "none"
    billed_seconds: object = 3
    retry_after: str | None = None
    asked: list[dict[str, bytes]] = field(default_factory=list)
    authorizations: list[str | None] = field(default_factory=list)
    let_go: threading.Event = field(default_factory=threading.Event)

    def answer(self) -> tuple[int, dict[str, object]]:
        match self.fault:
            case "429":
                return 429, error("rate_limit_exceeded")
            case "out of credit":
                return 429, error("insufficient_quota")
            case "400" | "401" | "402" | "403" | "422" | "500" | "502" | "503":
                return int(self.fault), error(f"it was {self.authorizations[-1]}")
            case "no transcript":
                return 200, {"words": []}
            case _:
                usage = {"type": "duration", "seconds": self.billed_seconds}
                return 200, {"text": WORDS, "usage": usage}


def error(code: str) -> dict[str, object]:
    return {"error": {"message": "no", "type": "refused", "code": code, "param": None}}


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    @property
    def provider(self) -> Provider:
        assert isinstance(self.server, Serving)
        return self.server.provider

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.provider.authorizations.append(self.headers["Authorization"])
        self.provider.asked.append(parts(self.headers["Content-Type"], body))
        status, content = self.provider.answer()
        data = b"<html>" if self.provider.fault == "no json" else json.dumps(content).encode()
        match self.provider.fault:
            case "slow first byte":
                self.provider.let_go.wait(30)
            case "redirect":
                status = 307
            case "cut off before the answer":
                self.close_connection = True
                return
            case "too much":
                data = b" " * 5_000_000
        self._send(status, data)

    def _send(self, status: int, data: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        if self.provider.retry_after:
            self.send_header("Retry-After", self.provider.retry_after)
        if status == 307:
            self.send_header("Location", f"{self.provider.address}/elsewhere")
        self.end_headers()
        if self.provider.fault == "cut off within the answer":
            data, self.close_connection = data[:5], True
        pieces = [bytes([byte]) for byte in data] if self.provider.fault == "a trickle" else [data]
        for piece in pieces:
            self.wfile.write(piece)
            if len(pieces) > 1:
                time.sleep(0.1)

    def log_message(self, *_: object) -> None:
        """Nothing is printed."""


def parts(content_type: str, body: bytes) -> dict[str, bytes]:
    """The parts of a form by name."""
    message = BytesParser().parsebytes(f"Content-Type: {content_type}\r\n\r\n".encode() + body)
    return {
        str(part.get_param("name", header="content-disposition")): part.get_payload(decode=True) or b""
        for part in message.get_payload()
    }


class Serving(ThreadingHTTPServer):
    """Whoever is given up closes its connection: that is no error here."""

    daemon_threads = True

    def __init__(self, provider: Provider) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.provider = provider

    def handle_error(self, *_: object) -> None:
        """Nothing is printed."""


@pytest.fixture
def provider() -> Iterator[Provider]:
    """Serves until the test ends."""
    provider = Provider()
    server = Serving(provider)
    provider.address = f"http://127.0.0.1:{server.server_port}/v1"
    serving = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    serving.start()
    yield provider
    provider.let_go.set()
    server.shutdown()
    server.server_close()
    serving.join(10)


@pytest.fixture
def key_file(tmp_path: Path) -> Path:
    file = tmp_path / "key"
    file.write_text(f"{KEY}\n")
    return file


@pytest.fixture
def canary() -> Callable[[object], bool]:
    """Whether a text tells the key."""
    return lambda told: "canary" in str(told)


@pytest.fixture
def everything_told(caplog: pytest.LogCaptureFixture) -> Callable[[BaseException], str]:
    """An error's words, fields, trace with what it came from, and each line that was logged meanwhile."""
    caplog.set_level(logging.DEBUG)

    def told(error: BaseException) -> str:
        before, said = error.__context__, [repr(vars(error)), str(error), *traceback.format_exception(error)]
        while before is not None:
            said += [repr(before), repr(vars(before)), str(getattr(before, "request", ""))]
            before = before.__context__
        return "\n".join([*said, caplog.text, *(repr(vars(record)) for record in caplog.records)])

    return told

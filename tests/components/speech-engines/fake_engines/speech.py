"""Providers of speech by HTTP: OpenAI's /v1/audio/speech and ElevenLabs' /v1/text-to-speech, in all moods."""

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from fake_engines.sound import tone, wav

RATE = 24_000
SECONDS = 0.5


@dataclass
class Speech:
    """One server: what it is to do, and what it was asked."""

    address: str = ""
    fault: str = "none"
    retry_after: str | None = None
    asked: list[dict[str, Any]] = field(default_factory=list)
    paths: list[str] = field(default_factory=list)
    keys: list[str | None] = field(default_factory=list)
    let_go: threading.Event = field(default_factory=threading.Event)

    def refusal(self, *, elevenlabs: bool) -> tuple[int, dict[str, Any]] | None:
        told = f"the key was {self.keys[-1]}"
        match self.fault:
            case "out of credit" if elevenlabs:
                return 401, {"detail": {"status": "quota_exceeded", "message": told}}
            case "out of credit":
                return 429, {"error": {"code": "insufficient_quota", "type": "refused", "message": told}}
            case fault if fault.isdecimal() and elevenlabs:
                return int(fault), {"detail": {"status": "refused", "message": told}}
            case fault if fault.isdecimal():
                return int(fault), {"error": {"code": "refused", "type": "refused", "message": told}}
        return None


@contextmanager
def speech() -> Iterator[Speech]:
    told = Speech()
    server = _Serving(told)
    told.address = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield told
    finally:
        told.let_go.set()
        server.shutdown()
        server.server_close()
        thread.join(10)


class _Serving(ThreadingHTTPServer):
    """Whoever is given up closes its connection: that is no error here."""

    daemon_threads = True

    def __init__(self, told: Speech) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.told = told

    def handle_error(self, *_: object) -> None:
        """Nothing is printed."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        assert isinstance(self.server, _Serving)
        told = self.server.told
        elevenlabs = "/text-to-speech/" in self.path
        told.asked.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
        told.paths.append(self.path)
        told.keys.append(self.headers["xi-api-key" if elevenlabs else "Authorization"])
        if told.fault == "slow first byte":
            told.let_go.wait(30)
        if told.fault == "cut off before the answer":
            self.close_connection = True
            return
        if refusal := told.refusal(elevenlabs=elevenlabs):
            self._send(told, refusal[0], json.dumps(refusal[1]).encode(), "application/json")
            return
        samples = tone(RATE, SECONDS)
        sound = samples.astype("<i2").tobytes() if elevenlabs else _made_on_the_way(wav(samples, RATE))
        data = b"<html>" if told.fault == "no sound" else sound
        self._send(told, 200, data, "audio/wav")

    def _send(self, told: Speech, status: int, data: bytes, kind: str) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(data)))
        if told.retry_after:
            self.send_header("Retry-After", told.retry_after)
        self.end_headers()
        if told.fault == "cut off within the answer":
            data, self.close_connection = data[:100], True
        if told.fault == "a trickle":
            for at in range(0, 1_000, 10):
                self.wfile.write(data[at : at + 10])
                time.sleep(0.1)
        self.wfile.write(data)

    def log_message(self, *_: object) -> None:
        """Nothing is printed."""


def _made_on_the_way(content: bytes) -> bytes:
    """As OpenAI sends it: whoever writes a WAV file while it is made does not know its length."""
    return content[:4] + b"\xff\xff\xff\xff" + content[8:40] + b"\xff\xff\xff\xff" + content[44:]

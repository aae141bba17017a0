"""A way to an API server on which things go wrong when a test wants it; everything else passes unchanged."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Lock, Thread

import urllib3

OF_THE_CONNECTION = {"host", "connection"}
# What is asked and changes nothing, though it is a POST.
REVIEWS = ("selfsubjectaccessreviews", "selfsubjectreviews", "selfsubjectrulesreviews")


@dataclass(frozen=True)
class Call:
    """One request as it came."""

    method: str
    path: str

    @property
    def writes(self) -> bool:
        asked = "dryRun=All" in self.path or any(review in self.path for review in REVIEWS)
        return self.method != "GET" and not asked


@dataclass(frozen=True)
class Answer:
    """An answer of the way itself; `dripping` sends a byte a second."""

    status: int
    body: bytes = b""
    headers: tuple[tuple[str, str], ...] = ()
    dripping: bool = False


CUT = "cut"
# What happens to a call: None passes it on, an Answer is given for it, CUT closes the connection.
Meddle = Callable[[Call], Answer | str | None]


@dataclass
class Way:
    """The way while it stands: what came over it, and what meddles; `after` sees calls that were answered."""

    url: str
    calls: list[Call] = field(default_factory=list)
    meddle: Meddle = lambda _call: None
    after: Callable[[Call], bool] = lambda _call: True
    """Whether the answer may go back."""
    lock: Lock = field(default_factory=Lock)

    @property
    def writes(self) -> list[Call]:
        return [call for call in self.calls if call.writes]


class Handler(BaseHTTPRequestHandler):
    """Passes on, or does what the way wants; `way`, `pool` and `url` are set on a class of each way's own."""

    protocol_version = "HTTP/1.1"
    way: Way
    pool: urllib3.PoolManager
    url: str

    def _pass(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        call = Call(self.command, self.path)
        with self.way.lock:
            self.way.calls.append(call)
            wanted = self.way.meddle(call)
        if isinstance(wanted, Answer):
            self._give(wanted)
        elif wanted == CUT:
            self.close_connection = True
        else:
            self._pass_on(call, body)

    def _pass_on(self, call: Call, body: bytes) -> None:
        kept = {name: value for name, value in self.headers.items() if name.lower() not in OF_THE_CONNECTION}
        target = f"{self.url}{self.path}"
        answer = self.pool.request(self.command, target, body=body or None, headers=kept, retries=False)
        with self.way.lock:
            self.close_connection = not self.way.after(call)
        if not self.close_connection:
            kind = answer.headers.get("Content-Type", "application/json")
            self._give(Answer(answer.status, answer.data, (("Content-Type", kind),)))

    def _give(self, answer: Answer) -> None:
        self.send_response(answer.status)
        for name, value in (*answer.headers, ("Content-Length", str(len(answer.body)))):
            self.send_header(name, value)
        self.end_headers()
        if not answer.dripping:
            self.wfile.write(answer.body)
            return
        for byte in answer.body:
            self.wfile.write(bytes([byte]))
            time.sleep(0.3)

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = _pass  # noqa: N815  http.server's names

    def log_message(self, *_: object) -> None:
        """Nobody reads it."""


class Server(ThreadingHTTPServer):
    """Says nothing of those who have left before their answer came."""

    daemon_threads = True

    def handle_error(self, *_: object) -> None:
        """They are meant to."""


@contextmanager
def way_to(url: str, authority: Path) -> Iterator[Way]:
    """A way to the server at the URL, which that authority vouches for."""
    pool = urllib3.PoolManager(ca_certs=str(authority), maxsize=8)
    handler = type("HandlerOfThisWay", (Handler,), {"pool": pool, "url": url})
    with Server(("127.0.0.1", 0), handler) as server:
        way = handler.way = Way(f"http://127.0.0.1:{server.server_address[1]}")
        Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield way
        finally:
            server.shutdown()

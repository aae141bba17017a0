"""Serves a file of figures to Prometheus, as it is at each request; no connection keeps it for long."""

from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread

from kvx.errors import ExitCode, KvxError

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
ASK_SECONDS = 5.0
MOST_BYTES = 4_000_000


@contextmanager
def exposed(file: Path, host: str, port: int) -> Iterator[str]:
    """Its address, as long as it is served; raises a KvxError where the port cannot be had."""

    class Answering(BaseHTTPRequestHandler):
        """GET /metrics and GET /health."""

        timeout = ASK_SECONDS
        server_version, sys_version = "kvx", ""

        def do_GET(self) -> None:
            match self.path.partition("?")[0]:
                case "/metrics":
                    self._answer(*_figures(file))
                case "/health":
                    self._answer(200, b"ok\n")
                case _:
                    self._answer(404, b"figures are at /metrics\n")

        def log_message(self, *_: object) -> None:
            """Prometheus asks every minute: nothing of it is worth a line."""

        def _answer(self, status: int, body: bytes) -> None:
            self.send_response(status)
            self.send_header("Content-Type", CONTENT_TYPE)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

    try:
        server = HTTPServer((host, port), Answering)
    except OSError as error:
        message = f"figures cannot be served at {host}:{port}: {error.strerror}"
        raise KvxError(message, "name another --port", ExitCode.MISSING) from None
    serving = Thread(target=server.serve_forever, name="figures", daemon=True)
    serving.start()
    try:
        yield f"http://{host}:{server.server_address[1]}/metrics"
    finally:
        server.shutdown()
        server.server_close()


def _figures(file: Path) -> tuple[int, bytes]:
    """No figures before the first report; 500 for what is there and cannot be read."""
    try:
        with file.open("rb") as opened:
            figures = opened.read(MOST_BYTES + 1)
    except FileNotFoundError:
        return 200, b""
    except OSError as error:
        return 500, f"{file} cannot be read: {error.strerror}\n".encode()
    if len(figures) > MOST_BYTES:
        return 500, f"{file} is longer than {MOST_BYTES} bytes\n".encode()
    return 200, figures

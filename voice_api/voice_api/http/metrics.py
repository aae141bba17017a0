"""Serves the figures on a port of their own, which the internet need not see."""

import logging
import socket
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from voice_api.figures import CONTENT_TYPE, Figures

log = logging.getLogger("voice_api.metrics")
READ_SECONDS = 5.0


def serve_metrics(figures: Figures, listening: socket.socket) -> ThreadingHTTPServer:
    """Answer GET /metrics on a listening socket, in threads of its own, until `shutdown`."""

    class Answer(BaseHTTPRequestHandler):
        timeout = READ_SECONDS

        def do_GET(self) -> None:
            known = self.path.partition("?")[0] == "/metrics"
            body = figures.text() if known else b"the figures are at /metrics\n"
            self.send_response(200 if known else 404)
            self.send_header("Content-Type", CONTENT_TYPE if known else "text/plain")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, form: str, *values: object) -> None:
            log.debug(form, *values)

    server = _OnSocket(listening.getsockname()[:2], Answer, bind_and_activate=False)
    server.socket.close()
    server.socket = listening
    threading.Thread(target=server.serve_forever, name="metrics", daemon=True).start()
    return server


class _OnSocket(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, _: object, client_address: object) -> None:
        """A reader that goes away in the middle is no news."""
        log.debug("a reader of the figures went away", extra={"client": str(client_address)})

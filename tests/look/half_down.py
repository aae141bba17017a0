"""Stands between kvx and a real API server: answers some paths badly or never, and passes the rest on."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Event, Thread

import urllib3
import yaml

HANGS = 0
TOKEN = "admin-token"


@contextmanager
def half_down(url: str, authority: Path, bad: Mapping[str, int]) -> Iterator[str]:
    """Its address; `bad` holds ends of paths with the status they answer, HANGS for no answer."""
    over = Event()
    pool = urllib3.PoolManager(ca_certs=str(authority), maxsize=20)

    class Passing(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            path = self.path.partition("?")[0]
            status = next((code for end, code in bad.items() if path.endswith(end)), None)
            if status == HANGS:
                over.wait(60)
                self.close_connection = True
                return
            if status is not None:
                self._answer(status, b"no")
                return
            headers = {"Authorization": f"Bearer {TOKEN}", "User-Agent": self.headers["User-Agent"]}
            answer = pool.request("GET", f"{url}{self.path}", headers=headers, timeout=60, retries=False)
            self._answer(answer.status, answer.data)

        def _answer(self, status: int, body: bytes) -> None:
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Nobody reads it."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Passing)
    server.daemon_threads = True
    Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        over.set()
        server.shutdown()
        server.server_close()


def kubeconfig(url: str, folder: Path) -> Path:
    """A kubeconfig that leads there; whoever comes by it is not asked who they are."""
    content = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "c", "cluster": {"server": url}}],
        "users": [{"name": "u", "user": {}}],
        "contexts": [{"name": "half", "context": {"cluster": "c", "user": "u"}}],
        "current-context": "half",
    }
    path = folder / "half.kubeconfig"
    path.write_text(yaml.safe_dump(content))
    return path

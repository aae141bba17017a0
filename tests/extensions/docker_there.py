"""As much of Docker's API as the example asks for, on a Unix socket, with answers of Docker's shape."""

import json
import socketserver
import threading
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

SECRET = "hunter2hunter2"


def described(name: str, state: str, **more: Any) -> dict[str, Any]:
    environment = [f"DB_PASSWORD={SECRET}"]
    return {
        "Name": f"/{name}",
        "RestartCount": more.pop("restarts", 0),
        "State": {
            "Status": state,
            "ExitCode": 0,
            "OOMKilled": False,
            "StartedAt": "2026-11-21T20:00:00Z",
            **more,
        },
        "Config": {"Image": "docker.io/library/nginx:1.27", "Tty": False, "Env": environment},
    }


def framed(*lines: str) -> bytes:
    """A log as Docker sends that of a container without a terminal."""
    return b"".join(b"\x01\x00\x00\x00" + len(each).to_bytes(4, "big") + each.encode() for each in lines)


@dataclass
class DockerThere:
    """Answers GETs on `path`; `asked` is what came, other methods included."""

    path: Path
    containers: dict[str, dict[str, Any]] = field(default_factory=dict)
    logs: dict[str, bytes] = field(default_factory=dict)
    asked: list[tuple[str, str]] = field(default_factory=list)

    def start(self) -> None:
        there = self

        class Answers(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                url = urlsplit(self.path)
                there.asked.append(("GET", url.path))
                status, body = there.answer(url.path, parse_qs(url.query))
                self.send_response(status)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def refused(self) -> None:
                there.asked.append(("POST", self.path))
                self.send_error(405)

            do_POST = do_PUT = do_DELETE = refused  # noqa: N815

            def address_string(self) -> str:
                return "socket"

            def log_message(self, *_: object) -> None:
                """Nothing is printed."""

        class Server(socketserver.ThreadingUnixStreamServer):
            daemon_threads = True

        self.server = Server(str(self.path), Answers)
        threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True).start()

    def stop(self) -> None:
        self.server.shutdown()
        self.server.server_close()

    def answer(self, path: str, query: dict[str, list[str]]) -> tuple[int, bytes]:
        if path == "/containers/json":
            return 200, json.dumps([self._listed(name) for name in self.containers]).encode()
        _, _, name, what = path.split("/")
        if name not in self.containers:
            return 404, b'{"message":"No such container"}'
        if what == "json":
            return 200, json.dumps(self.containers[name]).encode()
        assert query["stdout"] == ["1"]
        return 200, self.logs.get(name, b"")

    def _listed(self, name: str) -> dict[str, Any]:
        found = self.containers[name]
        return {"Names": [f"/{name}"], "Image": found["Config"]["Image"], "State": found["State"]["Status"]}

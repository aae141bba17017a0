"""What API server and kubelet do of `exec` together: the program runs here, the protocol is the real one."""

import json
import os
import subprocess
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http import HTTPStatus
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

from websockets.datastructures import Headers
from websockets.http11 import Request, Response
from websockets.sync.server import ServerConnection, serve

ENDS, OLDER = "v5.channel.k8s.io", "v4.channel.k8s.io"
STDIN, STDOUT, STDERR, STATUS, CLOSE = 0, 1, 2, 3, 255
READY = {"type": "Ready", "status": "True"}


@dataclass(slots=True)
class Kubelet:
    """`variables` are the container's; it cuts a connection after `cut_after` bytes of stdout, if at all."""

    variables: dict[str, str] = field(default_factory=dict)
    protocols: Sequence[str] = (ENDS, OLDER)
    ready: bool = True
    cut_after: int | None = None
    forbidden: bool = False
    commands: list[list[str]] = field(default_factory=list)
    url: str = ""

    def kubeconfig(self, folder: Path) -> Path:
        """A kubeconfig for it."""
        path = folder / "kubeconfig"
        cluster = {"name": "here", "cluster": {"server": self.url}}
        context = {"name": "here", "context": {"cluster": "here", "user": "me"}}
        user = {"name": "me", "user": {"token": "t"}}
        known = {"clusters": [cluster], "contexts": [context], "users": [user], "current-context": "here"}
        path.write_text(json.dumps({"apiVersion": "v1", "kind": "Config", **known}))
        return path

    def plain(self, _: ServerConnection, request: Request) -> Response | None:
        """Of what is no websocket: the kinds of v1, and the pod."""
        where = urlsplit(request.path).path
        if where.endswith("/exec"):
            status = {
                "kind": "Status",
                "message": 'pods "postgres-0" is forbidden: no pods/exec',
                "code": 403,
            }
            return _json(HTTPStatus.FORBIDDEN, status) if self.forbidden else None
        if where == "/api/v1":
            return _json(HTTPStatus.OK, {"resources": [{"name": "pods", "kind": "Pod", "namespaced": True}]})
        conditions = [READY] if self.ready else []
        return _json(
            HTTPStatus.OK, {"metadata": {"name": "postgres-0"}, "status": {"conditions": conditions}}
        )

    def run(self, connection: ServerConnection) -> None:
        assert connection.request is not None
        query = parse_qs(urlsplit(connection.request.path).query)
        self.commands.append(query["command"])
        reads = query.get("stdin") == ["true"]
        program = subprocess.Popen(
            query["command"],
            stdin=subprocess.PIPE if reads else subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=os.environ | self.variables,
        )
        if reads:
            threading.Thread(target=_feed, args=(connection, program), daemon=True).start()
        self._give(connection, program)

    def _give(self, connection: ServerConnection, program: "subprocess.Popen[bytes]") -> None:
        assert program.stdout is not None
        assert program.stderr is not None
        given = 0
        while data := program.stdout.read(5000):
            if self.cut_after is not None and given + len(data) > self.cut_after:
                program.kill()
                program.wait()
                connection.socket.close()
                return
            connection.send(bytes([STDOUT]) + data)
            given += len(data)
        connection.send(bytes([STDERR]) + program.stderr.read())
        connection.send(bytes([STATUS]) + json.dumps(_status(program.wait())).encode())


@contextmanager
def running(kubelet: Kubelet) -> Iterator[Kubelet]:
    protocols: Any = list(kubelet.protocols)
    server = serve(kubelet.run, "127.0.0.1", 0, subprotocols=protocols, process_request=kubelet.plain)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    kubelet.url = f"http://127.0.0.1:{server.socket.getsockname()[1]}"
    yield kubelet
    # It waits for clients that keep a connection for later, which nobody here has to.
    threading.Thread(target=server.shutdown, daemon=True).start()


def _feed(connection: ServerConnection, program: "subprocess.Popen[bytes]") -> None:
    """Until the client says that the input ends."""
    assert program.stdin is not None
    with suppress(BrokenPipeError):  # it ended without reading all
        for message in connection:
            assert isinstance(message, bytes)
            if message[0] == CLOSE:
                program.stdin.close()
                return
            program.stdin.write(message[1:])


def _status(code: int) -> dict[str, object]:
    if code == 0:
        return {"status": "Success"}
    causes = [{"reason": "ExitCode", "message": str(code)}]
    return {"status": "Failure", "reason": "NonZeroExitCode", "details": {"causes": causes}}


def _json(status: HTTPStatus, document: dict[str, object]) -> Response:
    body = json.dumps(document).encode()
    headers = Headers(
        {"Content-Type": "application/json", "Content-Length": str(len(body)), "Connection": "close"}
    )
    return Response(status.value, status.phrase, headers, body)

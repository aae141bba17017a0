"""A port of a pod as a port of this machine: a websocket to the API server for each connection.

The kubelet enters the pod's network by itself, so no policy stands in the way, and none is tried by it.
"""

import contextlib
import json
import socket
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from kubernetes.stream.ws_client import PortForward, create_websocket
from websocket import WebSocketBadStatusException, WebSocketException

from kvx.cluster.refused_pods import shortened
from kvx.drivers.api_server import Api
from kvx.drivers.kubeconfigs import credentials
from kvx.errors import ExitCode, KvxError

PROTOCOL = "v4.channel.k8s.io"
FORBIDDEN = {401, 403}
CHUNK = 65536
_BROKEN = (OSError, ValueError, RuntimeError, WebSocketException)


@dataclass(slots=True)
class Tunnel:
    """`address` is where a program on this machine reaches the pod, `wrong` why one did not come up."""

    address: str
    wrong: list[str] = field(default_factory=list)


_create_websocket: Callable[..., Any] = create_websocket  # it carries no types


class _Quiet(PortForward):
    """What breaks in its thread shows as a connection that ends, and not as a traceback."""

    def _proxy(self) -> None:
        with contextlib.suppress(*_BROKEN):
            super()._proxy()  # type: ignore[no-untyped-call]


_Forward: Callable[..., Any] = _Quiet


@contextlib.contextmanager
def forwarded(api: Api, namespace: str, pod: str, port: int) -> Iterator[Tunnel]:
    """A tunnel that is open for as long as the block runs; nothing is connected before it is used."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        tunnel = Tunnel(f"http://127.0.0.1:{listening.getsockname()[1]}")
        way = _Pod(api, f"/api/v1/namespaces/{namespace}/pods/{pod}/portforward", port, tunnel)
        threading.Thread(target=_accept, args=(listening, way), daemon=True).start()
        try:
            yield tunnel
        finally:
            listening.shutdown(socket.SHUT_RDWR)
            way.close()


def why_not(tunnel: Tunnel, pod: str, error: KvxError) -> KvxError:
    """The reason of the tunnel where it has one: what the caller saw was only a connection that ended."""
    if not tunnel.wrong:
        return error
    fix = "kubectl auth can-i create pods/portforward; docs/cluster.md tells the rights that kvx needs"
    return KvxError(f"no port of pod {pod} can be forwarded: {tunnel.wrong[-1]}", fix, ExitCode.FAILED)


@dataclass(slots=True)
class _Pod:
    api: Api
    path: str
    port: int
    tunnel: Tunnel
    opened: list[socket.socket] = field(default_factory=list)

    def connect(self) -> socket.socket:
        """The pod's port; raises one of _BROKEN."""
        url = f"{self.api.address}{self.path}?ports={self.port}".replace("http", "ws", 1)
        headers = {name.lower(): value for name, value in credentials(self.api.configuration).items()}
        headers["sec-websocket-protocol"] = PROTOCOL
        websocket = _create_websocket(self.api.configuration, url, headers)
        pod: socket.socket = _Forward(websocket, [self.port]).socket(self.port)
        self.opened.append(pod)
        return pod

    def close(self) -> None:
        for each in self.opened:
            each.close()


def _accept(listening: socket.socket, way: _Pod) -> None:
    """Until the listening socket is shut down."""
    with contextlib.suppress(OSError):
        while True:
            here, _ = listening.accept()
            threading.Thread(target=_serve, args=(here, way), daemon=True).start()


def _serve(here: socket.socket, way: _Pod) -> None:
    with here:
        try:
            pod = way.connect()
        except WebSocketBadStatusException as error:
            way.tunnel.wrong.append(_said(error))
            return
        except _BROKEN as error:
            way.tunnel.wrong.append(shortened(str(error)))
            return
        threading.Thread(target=_pump, args=(here, pod), daemon=True).start()
        _pump(pod, here)


def _pump(source: socket.socket, sink: socket.socket) -> None:
    """Until either side ends; then neither waits for more."""
    with contextlib.suppress(OSError):
        while data := source.recv(CHUNK):
            sink.sendall(data)
    with contextlib.suppress(OSError):
        sink.shutdown(socket.SHUT_WR)


def _said(error: Any) -> str:
    """What the API server answered in the place of a websocket."""
    try:
        words = json.loads(error.resp_body or b"")["message"]
    except (ValueError, KeyError, TypeError):
        words = f"HTTP {error.status_code}"
    return shortened(str(words))

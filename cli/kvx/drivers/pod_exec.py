"""A program run in a container that is there, with what it reads and writes: by a websocket."""

import contextlib
import json
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

from kubernetes.stream.ws_client import create_websocket
from websocket import (
    ABNF,
    WebSocketBadStatusException,
    WebSocketException,
    WebSocketTimeoutException,
)

from kvx.cluster.refused_pods import shortened
from kvx.drivers.api_server import Api
from kvx.drivers.kubeconfigs import credentials
from kvx.errors import ExitCode, KvxError

# Only the fifth version can say that the input ends; Kubernetes speaks it from 1.30 on.
ENDS, OLDER = "v5.channel.k8s.io", "v4.channel.k8s.io"
STDIN, STDOUT, STDERR, STATUS, CLOSE = 0, 1, 2, 3, 255
CHUNK = 32 * 1024
TELLS_BYTES = 2000
_BROKEN = (OSError, ValueError, RuntimeError, WebSocketException)
_create_websocket: Callable[..., Any] = create_websocket  # it carries no types


@dataclass(frozen=True, slots=True)
class Container:
    """Where a program is to run."""

    namespace: str
    pod: str
    name: str

    @property
    def words(self) -> str:
        return f"pod {self.pod}"


@dataclass(slots=True)
class _Said:
    """What has come so far."""

    stdout: bytearray = field(default_factory=bytearray)
    stderr: bytearray = field(default_factory=bytearray)
    status: dict[str, Any] | None = None


def run_in(
    api: Api,
    container: Container,
    command: Sequence[str],
    *,
    stdin: bytes | None = None,
    deadline_seconds: float,
    most_bytes: int,
) -> bytes:
    """What the program wrote to stdout. KvxError where it failed, was cut off, or wrote too much.

    What it reads is a parameter and no argument: arguments are in the audit log of the API server.
    """
    try:
        websocket = _connected(api, container, command, stdin is not None, deadline_seconds)
    except WebSocketBadStatusException as error:
        raise _refused(container, error) from None
    except _BROKEN as error:
        raise _cut(container, str(error)) from None
    try:
        if stdin is not None:
            _write_beside(websocket, container, stdin)
        said = _read(api, websocket, container, deadline_seconds, most_bytes)
    finally:
        with contextlib.suppress(*_BROKEN):
            websocket.close(timeout=1)
    return _judged(container, command[0], said)


def _connected(api: Api, container: Container, command: Sequence[str], reads: bool, seconds: float) -> Any:
    query = [("container", container.name), ("stdout", "true"), ("stderr", "true")]
    query += [("stdin", "true")] if reads else []
    query += [("command", word) for word in command]
    path = f"/api/v1/namespaces/{container.namespace}/pods/{container.pod}/exec?{urlencode(query)}"
    headers = {name.lower(): value for name, value in credentials(api.configuration).items()}
    headers["sec-websocket-protocol"] = f"{ENDS},{OLDER}"
    websocket = _create_websocket(api.configuration, f"{api.address}{path}".replace("http", "ws", 1), headers)
    websocket.settimeout(seconds)
    return websocket


def _write_beside(websocket: Any, container: Container, stdin: bytes) -> None:
    """In a thread, for the program may write while it reads."""
    if (websocket.headers or {}).get("sec-websocket-protocol") != ENDS:
        message = f"{container.words} cannot be told where its input ends: Kubernetes is older than 1.30"
        raise KvxError(message, "upgrade the cluster, or give the input with kubectl exec --stdin")

    def write() -> None:
        with contextlib.suppress(*_BROKEN):  # who reads sees that the connection ended
            for begin in range(0, len(stdin), CHUNK):
                websocket.send(bytes([STDIN]) + stdin[begin : begin + CHUNK], ABNF.OPCODE_BINARY)
            websocket.send(bytes([CLOSE, STDIN]), ABNF.OPCODE_BINARY)

    threading.Thread(target=write, daemon=True).start()


def _read(api: Api, websocket: Any, container: Container, seconds: float, most_bytes: int) -> _Said:
    """Until the program's end was told, or nothing more comes."""
    said, clock = _Said(), api.way.world.monotonic
    end = clock() + seconds
    while said.status is None:
        try:
            websocket.settimeout(max(end - clock(), 0.01))
            code, data = websocket.recv_data()
        except WebSocketTimeoutException:
            message = f"the program in {container.words} did not end within {seconds:.0f} s"
            raise KvxError(message, "run it again when the cluster has less to do") from None
        except _BROKEN as error:
            raise _cut(container, str(error)) from None
        if code == ABNF.OPCODE_CLOSE:
            raise _cut(container, "it was closed before the program's end was told")
        if data:
            _take(said, data[0], data[1:])
        if len(said.stdout) > most_bytes:
            message = (
                f"{container.words} has more to say than the {most_bytes // 1_000_000} MB that are taken"
            )
            raise KvxError(message, "take it by hand: docs/backup.md")
    return said


def _take(said: _Said, channel: int, data: bytes) -> None:
    match channel:
        case 1:
            said.stdout += data
        case 2:
            said.stderr += data[: max(TELLS_BYTES - len(said.stderr), 0)]
        case 3:
            told = json.loads(data)
            said.status = told if isinstance(told, dict) else {}


def _judged(container: Container, program: str, said: _Said) -> bytes:
    status = said.status or {}
    if status.get("status") == "Success":
        return bytes(said.stdout)
    causes = (status.get("details") or {}).get("causes") or ()
    codes = [each.get("message") for each in causes if each.get("reason") == "ExitCode"]
    lines = [line for line in said.stderr.decode(errors="replace").splitlines() if line.strip()]
    how = f"ended with exit code {codes[0]}" if codes else f"could not run: {status.get('message', '?')}"
    told = f': "{shortened(lines[0])}"' if lines else ""
    message = f"{program} in {container.words} {shortened(how)}{told}"
    raise KvxError(message, f"kubectl --namespace {container.namespace} logs {container.pod}")


def _refused(container: Container, error: Any) -> KvxError:
    """What the API server answered in the place of a websocket."""
    try:
        words = json.loads(error.resp_body or b"")["message"]
    except (ValueError, KeyError, TypeError):
        words = f"HTTP {error.status_code}"
    fix = "kubectl auth can-i create pods/exec; docs/cluster.md tells the rights that kvx needs"
    message = f"no program can be run in {container.words}: {shortened(str(words))}"
    return KvxError(message, fix, ExitCode.MISSING)


def _cut(container: Container, why: str) -> KvxError:
    message = f"the connection to {container.words} ended: {shortened(why) or 'nobody says why'}"
    return KvxError(message, "run it again", ExitCode.INCOMPLETE)

"""Answers questions of kvx about the Docker containers of this machine; it only reads."""

import http.client
import json
import os
import socket
import sys
from collections.abc import Iterator
from typing import Any
from urllib.parse import quote, urlencode, urlsplit

PATIENCE_SECONDS = 1.5
MOST_BYTES = 2_000_000
MOST_NAMED = 8
LINES = 5

Told = dict[str, Any]


class CannotError(Exception):
    """A sentence about why there is no answer."""


class Docker(http.client.HTTPConnection):
    """Docker's API, at the address of DOCKER_HOST: unix:// or tcp://."""

    def __init__(self, address: str) -> None:
        self.address = urlsplit(address)
        super().__init__(self.address.hostname or "docker", self.address.port, timeout=PATIENCE_SECONDS)

    def connect(self) -> None:
        if self.address.scheme != "unix":
            super().connect()
            return
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self.address.path)


def read(path: str, **query: int) -> bytes:
    """The body of a GET: nothing else is ever sent."""
    docker = Docker(os.environ.get("DOCKER_HOST", "unix:///var/run/docker.sock"))
    try:
        docker.request("GET", f"{path}?{urlencode(query)}")
        response = docker.getresponse()
        body = response.read(MOST_BYTES)
    except PermissionError:
        raise CannotError("I may not ask Docker: its socket is not for me.") from None
    except (OSError, http.client.HTTPException) as error:
        raise CannotError(f"Docker cannot be asked: {type(error).__name__}.") from None
    finally:
        docker.close()
    if response.status == 404:
        raise CannotError("There is no such container.")
    if response.status != 200:
        raise CannotError(f"Docker refuses with {response.status}.")
    return body


def names(kind: str) -> list[str]:
    if kind != "container":
        raise CannotError(f"I know no {kind}.")
    return [name_of(each) for each in json.loads(read("/containers/json", all=1))]


def list_containers(state: str | None = None) -> Told:
    every = json.loads(read("/containers/json", all=1))
    running = [name_of(each) for each in every if each["State"] == "running"]
    stopped = [f"{name_of(each)} ({each['State']})" for each in every if each["State"] != "running"]
    told = {"running": [f"{spoken(running)} {'runs' if len(running) == 1 else 'run'}"],
            "stopped": [f"{spoken(stopped)} {'does' if len(stopped) == 1 else 'do'} not run"]}  # fmt: skip
    said = told[state] if state else [*told["running"], *(told["stopped"] if stopped else [])]
    return {"said": f"{'; '.join(said)}.".capitalize(), "data": {"running": running, "stopped": stopped}}


def describe_container(container: str) -> Told:
    found = inspected(container)
    state = found["State"]
    image = found["Config"]["Image"].rsplit("/", 1)[-1].replace(":", " ")
    restarts = found.get("RestartCount", 0)
    health = (state.get("Health") or {}).get("Status")
    parts = [f"The container {container} is {state['Status']}, from {image}"]
    if state["Status"] == "exited":
        parts.append(
            f"it ended with {state['ExitCode']}" + (", out of memory" if state.get("OOMKilled") else "")
        )
    if health:
        parts.append(f"its health is {health}")
    if restarts:
        parts.append(f"it was restarted {restarts} times")
    # Not what is in its environment: that is where people keep secrets.
    data = {
        "name": container,
        "image": found["Config"]["Image"],
        "state": state["Status"],
        "restarts": restarts,
        "exit_code": state.get("ExitCode"),
        "health": health,
        "started": state.get("StartedAt"),
    }
    return {"said": ", ".join(parts) + ".", "data": data}


def container_log(container: str, lines: int = LINES) -> Told:
    terminal = inspected(container)["Config"].get("Tty", False)
    body = read(f"/containers/{quote(container, safe='')}/logs", stdout=1, stderr=1, tail=lines)
    text = body if terminal else b"".join(frames(body))
    found = text.decode("utf-8", "replace").splitlines()[-lines:]
    if not found:
        return {"said": f"The log of {container} is empty.", "data": {"lines": []}}
    return {"said": f"The last line of {container} says: {found[-1][:160]}.", "data": {"lines": found}}


def inspected(container: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(read(f"/containers/{quote(container, safe='')}/json"))
    return found


def frames(body: bytes) -> Iterator[bytes]:
    """What Docker wraps both outputs in: a byte that tells which, three of nothing, four of the length."""
    while len(body) >= 8:
        length = int.from_bytes(body[4:8], "big")
        yield body[8 : 8 + length]
        body = body[8 + length :]


def name_of(container: dict[str, Any]) -> str:
    return str(container["Names"][0]).lstrip("/")


def spoken(names_there: list[str]) -> str:
    if not names_there:
        return "no container"
    more = len(names_there) - MOST_NAMED
    shown = names_there[:MOST_NAMED] + ([f"{more} more"] if more > 0 else [])
    return shown[0] if len(shown) == 1 else f"{', '.join(shown[:-1])} and {shown[-1]}"


FUNCTIONS = {each.__name__: each for each in (list_containers, describe_container, container_log)}


def answered(asked: dict[str, Any]) -> list[str] | Told:
    parameters = asked["params"]
    if asked["method"] == "names":
        return names(parameters["kind"])
    return FUNCTIONS[parameters["function"]](**parameters["arguments"])


def main() -> None:
    for line in sys.stdin:
        asked = json.loads(line)
        try:
            told = {"result": answered(asked)}
        except CannotError as error:
            told = {"error": {"code": -32000, "message": str(error)}}
        sys.stdout.write(json.dumps({"jsonrpc": "2.0", "id": asked["id"], **told}) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()

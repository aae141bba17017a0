"""Asks the API server of a cluster that kvx has made for its nodes, by the kubeconfig handed over."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kvx.drivers.api_server import Api, connect
from kvx.errors import ExitCode, KvxError
from kvx.world import World

NAME = "kubeconfig"
LOOK = "kvx nodes run --on servers -- systemctl status k3s"
AGAIN = "kvx ansible, which fetches the kubeconfig again"


@dataclass(frozen=True, slots=True)
class Listed:
    """The nodes as the API server at `address` lists them."""

    address: str
    items: tuple[Mapping[str, Any], ...]


def list_nodes(folder: Path, servers: Sequence[str], world: World, deadline_seconds: float = 8.0) -> Listed:
    """The nodes of the cluster, from the first API server that answers: the kubeconfig's, then `servers`.

    Every address is given its share of the deadline. Raises a KvxError with exit code 4: no kubeconfig
    yet, no answer from any, or a refusal; the message is why the first of them could not be asked.
    """
    api = connect_made(folder, servers, world, attempts=1)
    try:
        address, body = api.answer("/api/v1/nodes", deadline_seconds=deadline_seconds)
    except KvxError as error:
        fix = AGAIN if error.exit_code is ExitCode.MISSING else error.fix
        raise KvxError(error.message, fix, ExitCode.INCOMPLETE) from None
    return Listed(address, tuple(_listed(address, body)))


def _listed(address: str, body: bytes) -> list[Mapping[str, Any]]:
    """Nodes are few: one page."""
    try:
        document = json.loads(body)
    except ValueError:
        document = None
    match document:
        case {"kind": "NodeList", "items": list() as items}:
            return items
        case _:
            message = f"the API server at {address} answered with something else than a list of nodes"
            raise KvxError(message, LOOK, ExitCode.INCOMPLETE)


def connect_made(folder: Path, servers: Sequence[str], world: World, *, attempts: int = 4) -> Api:
    """The way to the cluster of a folder; KvxError with exit code 4 where no usable kubeconfig lies there."""
    path = folder / NAME
    if not path.is_file():
        message = f"the machines are no cluster yet: {path} is handed over once they are"
        raise KvxError(message, "kvx ansible", ExitCode.INCOMPLETE)
    try:
        return connect(path, None, world, servers, attempts=attempts, look=LOOK)
    except KvxError as error:
        raise KvxError(error.message, AGAIN, ExitCode.INCOMPLETE) from None

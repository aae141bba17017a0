"""Asks the API server of a cluster that kvx has made, by the kubeconfig that was handed over.

Set-up and TLS are the official client's; its typed API classes, which take 126 MB, are not imported.
"""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import urllib3
import yaml
from kubernetes import config
from kubernetes.client import Configuration
from kubernetes.client.rest import RESTClientObject
from kubernetes.config import ConfigException

from kvx.errors import ExitCode, KvxError
from kvx.world import World

NAME = "kubeconfig"
PORT = 6443
CONNECT_SECONDS = 3.0

_load: Callable[..., None] = config.load_kube_config  # it carries no types
# What the client's reader raises for files of the wrong shape: it does not check them.
_BROKEN = (ConfigException, yaml.YAMLError, OSError, ValueError, TypeError, AttributeError, LookupError)


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
    configuration = _configured(folder / NAME)
    hosts = tuple(dict.fromkeys((configuration.host.rstrip("/"), *map(_url, servers))))
    pool = RESTClientObject(configuration).pool_manager
    headers = {"Accept": "application/json", "User-Agent": "kvx", **_credentials(configuration)}
    end = world.monotonic() + deadline_seconds
    first: KvxError | None = None
    for index, host in enumerate(hosts):
        share = (end - world.monotonic()) / (len(hosts) - index)
        try:
            return Listed(host, tuple(_items(pool, host, headers, share)))
        except KvxError as error:
            first = first or error
    assert first is not None  # noqa: S101  there is at least the kubeconfig's
    raise first


def _configured(path: Path) -> Configuration:
    if not path.is_file():
        message = f"the machines are no cluster yet: {path} is handed over once they are"
        raise KvxError(message, "kvx ansible", ExitCode.INCOMPLETE)
    configuration = Configuration()
    try:
        _load(str(path), None, configuration, persist_config=False)
    except _BROKEN as error:
        why = next(iter(str(error).splitlines()), "it is broken")
        message = f"the kubeconfig {path} cannot be used: {why}"
        raise KvxError(message, "kvx ansible, which fetches it again", ExitCode.INCOMPLETE) from None
    return configuration


def _credentials(configuration: Configuration) -> dict[str, str]:
    """Of a user with a token; one with a certificate, as k3s makes, shows it by TLS."""
    settings: Mapping[str, Any] = configuration.auth_settings()
    return {each["key"]: each["value"] for each in settings.values() if each["in"] == "header"}


def _items(
    pool: urllib3.PoolManager, host: str, headers: Mapping[str, str], seconds: float
) -> Iterator[Mapping[str, Any]]:
    """Nodes are few: one page."""
    timeout = urllib3.Timeout(connect=min(CONNECT_SECONDS, seconds), total=max(seconds, 0.1))
    try:
        response = pool.request(
            "GET", f"{host}/api/v1/nodes", headers=headers, timeout=timeout, retries=False, redirect=False
        )
    except urllib3.exceptions.SSLError as error:
        raise _wrong(host, f"shows a certificate that is not the cluster's ({_reason(error)})") from None
    except urllib3.exceptions.NewConnectionError as error:  # which is a TimeoutError, whatever happened
        raise _wrong(host, f"cannot be reached ({_reason(error)})") from None
    except urllib3.exceptions.TimeoutError:
        raise _wrong(host, f"did not answer within {seconds:.0f} s") from None
    except urllib3.exceptions.HTTPError as error:
        raise _wrong(host, f"broke off the connection ({_reason(error)})") from None
    if response.status != 200:
        raise _refused(host, response.status)
    yield from _listed(host, response.data)


def _listed(host: str, body: bytes) -> list[Mapping[str, Any]]:
    try:
        document = json.loads(body)
    except ValueError:
        document = None
    match document:
        case {"kind": "NodeList", "items": list() as items}:
            return items
        case _:
            raise _wrong(host, "answered with something else than a list of nodes")


def _url(address: str) -> str:
    return f"https://[{address}]:{PORT}" if ":" in address else f"https://{address}:{PORT}"


def _reason(error: BaseException) -> str:
    """The innermost cause in its own words: urllib3 wraps them."""
    inner = error.__cause__ or error.__context__ or (error.args[-1] if error.args else error)
    if isinstance(inner, BaseException) and inner is not error:
        return _reason(inner)
    return str(getattr(error, "verify_message", None) or getattr(error, "strerror", None) or error)


def _refused(host: str, status: int) -> KvxError:
    if status in {401, 403}:
        message = f"{_where(host)} does not know the user of the kubeconfig (HTTP {status})"
        return KvxError(message, "kvx ansible, which fetches the kubeconfig again", ExitCode.INCOMPLETE)
    return _wrong(host, f"answers HTTP {status}")


def _wrong(host: str, happened: str) -> KvxError:
    fix = "kvx nodes run --on servers -- systemctl status k3s"
    return KvxError(f"{_where(host)} {happened}", fix, ExitCode.INCOMPLETE)


def _where(host: str) -> str:
    return f"the API server at {urlsplit(host).netloc}"

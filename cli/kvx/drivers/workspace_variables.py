"""What Terraform is told about a fleet: variables and backend, as the content of files."""

import ipaddress
import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

import httpx

from kvx.errors import ExitCode, KvxError
from kvx.machines.fleet import CALLER, Account, Fleet, Place, Pool
from kvx.machines.placement import Placed
from kvx.steps.machines import Backend

_ADDRESS_SECONDS = 5.0
_THIS_MACHINE = ("localhost", "127.0.0.1", "::1")
OPERATOR = "operator"
# reference/hetzner.md 5.7: what an object storage needs that is not Amazon's, and the lock in the bucket.
_OBJECT_STORAGE = (
    "use_lockfile",
    "use_path_style",
    "skip_credentials_validation",
    "skip_region_validation",
    "skip_requesting_account_id",
    "skip_metadata_api_check",
    "skip_s3_checksum",
)


def variables(
    fleet: Fleet,
    placed: Mapping[str, Placed],
    addresses: tuple[str, ...],
    keys: Mapping[str, str],
    operator: str,
) -> dict[str, Any]:
    """The variables that say what is wanted; `keys` are the public host keys by node."""
    control_plane, *pools = fleet.pools
    wanted = {node.key for node in fleet.nodes}
    balancer = fleet.load_balancer
    return {
        "cluster_name": fleet.cluster,
        "image": fleet.image,
        "network_zone": fleet.network_zone,
        "network_range": fleet.network_range,
        "subnet_range": fleet.subnet_range,
        "control_plane": _pool(control_plane),
        "pools": {pool.name: _pool(pool) | _worker(pool) for pool in pools},
        "placements": {key: _place(each.place) for key, each in sorted(placed.items()) if key in wanted},
        "ssh_public_keys": {OPERATOR: operator},
        "allowed_addresses": list(addresses),
        "open_to_the_world": fleet.open_to_the_world,
        "web_addresses": list(fleet.web_addresses),
        "load_balancer": _place(balancer) if balancer else None,
        "private_only": fleet.private_only,
        "host_public_keys": dict(sorted(keys.items())),
        **_handed_on(fleet),
    }


def surroundings(account: Account, host_keys_folder: str) -> dict[str, Any]:
    """Variables that say where Terraform runs; a simulation on this machine answers at once."""
    simulated = account.endpoint is not None and urlsplit(account.endpoint).hostname in _THIS_MACHINE
    return {"host_keys_folder": host_keys_folder} | ({"poll_interval": "50ms"} if simulated else {})


def backend_file(backend: Backend) -> str:
    """backend.tf; keys of the bucket reach Terraform through its environment only."""
    if backend.bucket is None:
        return 'terraform {\n  backend "local" {}\n}\n'
    lines = {
        "bucket": _text(backend.bucket),
        "key": _text(backend.key),
        "region": _text(backend.region),
        "endpoints": f"{{ s3 = {_text(backend.endpoint)} }}",
    } | dict.fromkeys(_OBJECT_STORAGE, "true")
    width = max(map(len, lines))
    body = "".join(f"    {name:<{width}} = {value}\n" for name, value in lines.items())
    return f'terraform {{\n  backend "s3" {{\n{body}  }}\n}}\n'


def allowed_addresses(fleet: Fleet, account: Account) -> tuple[str, ...]:
    """The blocks that may reach SSH and the API, with the caller's own address in place of `caller`."""
    return tuple(
        _callers_address(account.address_url) if entry == CALLER else entry
        for entry in fleet.allowed_addresses
    )


def _callers_address(url: str) -> str:
    fix = "name your addresses: hetzner.allowed_addresses in kvx.toml, such as 203.0.113.7/32"
    try:
        answer = httpx.get(url, timeout=_ADDRESS_SECONDS, follow_redirects=True)
        answer.raise_for_status()
        address = ipaddress.ip_address(answer.text.strip())
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        message = f"{url} does not say which address this machine is seen with: {type(error).__name__}"
        raise KvxError(message, fix, ExitCode.MISSING) from None
    except ValueError:
        message = f"{url} does not answer with an address"
        raise KvxError(message, fix, ExitCode.MISSING) from None
    return f"{address}/{address.max_prefixlen}"


def _pool(pool: Pool) -> dict[str, Any]:
    first, *others = pool.places
    return {"count": pool.count, "fallbacks": [str(place) for place in others]} | _place(first)


def _worker(pool: Pool) -> dict[str, Any]:
    return {"labels": dict(pool.labels), "taints": list(pool.taints), "volume_gb": pool.volume_gb}


def _place(place: Place) -> dict[str, str]:
    return {"type": place.type, "location": place.location}


def _handed_on(fleet: Fleet) -> dict[str, str]:
    """Empty ones are left to the defaults of the variables."""
    on = fleet.handed_on
    values = {
        "kubeconfig_path": on.kubeconfig_path,
        "kube_context": on.kube_context,
        "cpu_quota": on.cpu_quota,
        "memory_quota": on.memory_quota,
    }
    return {name: value for name, value in values.items() if value}


def _text(value: str) -> str:
    """A string as HCL writes it; a dollar or percent sign before a brace would begin a template."""
    return json.dumps(value).replace("${", "$${").replace("%{", "%%{")

"""The settings of the nodes as variables of the roles; what cannot be is refused before a machine is made."""

import re
from collections.abc import Iterator
from urllib.parse import urlsplit

from kvx.errors import ExitCode, KvxError
from kvx.settings import NodesSettings

_VERSION = re.compile(r"v\d+\.\d+\.\d+(-[a-z0-9.]+)?\+k3s\d+")
_CHECKSUM = re.compile(r"(?P<architecture>amd64|arm64)=(?P<digits>[0-9a-f]{64})")
_OPERATOR = re.compile(
    r"(?P<name>[a-z_][-a-z0-9_]{0,30}) +"
    r"(?P<key>(ssh-ed25519|ssh-rsa|ecdsa-sha2-nistp\d+|sk-[a-z0-9@.-]+) [A-Za-z0-9+/]+=*( .*)?)"
)
# Settings that a role takes as they are.
_PLAIN = {
    "timezone": "base_timezone",
    "etcd_schedule": "etcd_snapshots_schedule",
    "etcd_kept": "etcd_snapshots_kept",
    "etcd_region": "etcd_snapshots_s3_region",
    "kubeconfig_merge": "kubeconfig_merge",
}


def node_variables(wanted: NodesSettings) -> dict[str, object]:
    """What is set, by the names of the roles; all else is left to their defaults."""
    found = dict(_derived(wanted))
    plain = {name: getattr(wanted, setting) for setting, name in _PLAIN.items()}
    return found | {name: value for name, value in plain.items() if value is not None}


def _derived(wanted: NodesSettings) -> Iterator[tuple[str, object]]:
    if wanted.k3s_version is not None:
        yield "k3s_version", _version(wanted.k3s_version)
    if wanted.k3s_checksums:
        yield "k3s_checksums", _checksums(wanted)
    if wanted.k3s_folder is not None:
        yield "k3s_files_folder", _folder(wanted)
    if wanted.operators:
        yield "base_operators", _operators(wanted)
    if wanted.etcd_bucket is not None:
        yield from _bucket(wanted)


def _version(text: str) -> str:
    if not _VERSION.fullmatch(text):
        raise _wrong(f"nodes.k3s_version is {text!r}", "name one release in full, such as v1.34.2+k3s1")
    return text


def _checksums(wanted: NodesSettings) -> dict[str, str]:
    if wanted.k3s_version is None:
        message = "nodes.k3s_checksums is set, and nodes.k3s_version is not: a sum belongs to one version"
        raise _wrong(message, "set nodes.k3s_version to the version they are of")
    found: dict[str, str] = {}
    for text in wanted.k3s_checksums:
        match = _CHECKSUM.fullmatch(text)
        if not match:
            fix = "write it as arm64=SHA256 or amd64=SHA256, 64 small hexadecimal digits"
            raise _wrong(f"nodes.k3s_checksums holds {text!r}", fix)
        found[match["architecture"]] = match["digits"]
    return found


def _folder(wanted: NodesSettings) -> str:
    folder = wanted.k3s_folder
    if folder is None or not folder.is_dir():
        fix = "put k3s-arm64 and sha256sum-arm64.txt of the release there; or leave nodes.k3s_folder out"
        raise _wrong(f"nodes.k3s_folder is {folder}, which is no folder", fix)
    return str(folder)


def _operators(wanted: NodesSettings) -> list[dict[str, object]]:
    keys: dict[str, list[str]] = {}
    for text in wanted.operators:
        match = _OPERATOR.fullmatch(text.strip())
        if not match:
            message = f"nodes.operators holds {text!r}, which is no login with a public key"
            raise _wrong(message, 'write it as "ada ssh-ed25519 AAAA... ada@laptop"')
        keys.setdefault(match["name"], []).append(match["key"])
    return [{"name": name, "keys": theirs} for name, theirs in keys.items()]


def _bucket(wanted: NodesSettings) -> Iterator[tuple[str, object]]:
    if wanted.etcd_access_key is None or wanted.etcd_secret_key is None:
        message = f"there are no keys for the bucket {wanted.etcd_bucket} of nodes.etcd_bucket"
        fix = "export KVX_ETCD_S3_ACCESS_KEY=... and KVX_ETCD_S3_SECRET_KEY=..."
        raise KvxError(message, fix, ExitCode.MISSING)
    yield "etcd_snapshots_s3_bucket", wanted.etcd_bucket
    yield "etcd_snapshots_s3_endpoint", _host(wanted.etcd_endpoint)


def _host(endpoint: str) -> str:
    """Without the scheme, as k3s wants it; it takes no other one than https."""
    parts = urlsplit(endpoint if "://" in endpoint else f"https://{endpoint}")
    if parts.scheme != "https" or not parts.netloc or parts.path.strip("/"):
        message = f"nodes.etcd_endpoint is {endpoint!r}"
        raise _wrong(message, "name it as https://nbg1.your-objectstorage.com")
    return parts.netloc


def _wrong(message: str, fix: str) -> KvxError:
    return KvxError(message, fix, ExitCode.USAGE)

"""SSH keys of a cluster: a host key for each node, and the operator's, made once and then kept."""

import re
from pathlib import Path

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_ssh_private_key,
)

from kvx.drivers.files import file_errors, replace_file
from kvx.errors import ExitCode, KvxError
from kvx.machines.fleet import Fleet

_PUBLIC_KEY = re.compile(r"(ssh-ed25519|ssh-rsa|ecdsa-sha2-nistp\d+|sk-[a-z0-9@.-]+) [A-Za-z0-9+/]+=*( .*)?")


def host_keys(folder: Path, fleet: Fleet) -> dict[str, str]:
    """The public host key of each node, by its key; raises FileNotFoundError where one is to be made."""
    return {node.key: _public(folder / "host-keys" / node.key) for node in fleet.nodes}


def make_host_keys(folder: Path, fleet: Fleet) -> None:
    """Make what is missing; a key that is there stays, for a machine may live with it."""
    for node in fleet.nodes:
        _make(folder / "host-keys" / node.key, f"{node.name} (host)")


def operator_key(folder: Path, fleet: Fleet) -> str:
    """The public key that may log in: the user's own, or the one that is made under ssh/."""
    if fleet.ssh_public_key is None:
        return _public(folder / "ssh" / "id_ed25519")
    return _users_key(fleet.ssh_public_key)


def make_operator_key(folder: Path, fleet: Fleet) -> None:
    """Make one where the user has named none, and none is there."""
    if fleet.ssh_public_key is None:
        _make(folder / "ssh" / "id_ed25519", f"{fleet.cluster} (kvx)")


def _users_key(path: Path) -> str:
    fix = "name a public key: hetzner.ssh_public_key in kvx.toml; or leave it out: kvx makes one"
    try:
        text = path.read_text(encoding="utf-8").strip()
    except FileNotFoundError:
        raise KvxError(f"the SSH key {path} is not there", fix, ExitCode.USAGE) from None
    except (OSError, UnicodeDecodeError) as error:
        raise KvxError(f"the SSH key {path} cannot be read: {error}", fix, ExitCode.USAGE) from None
    if "PRIVATE KEY" in text:
        message = f"{path} is a private key: it stays where it is, its public half is wanted"
        raise KvxError(message, f"name {path}.pub: hetzner.ssh_public_key in kvx.toml", ExitCode.USAGE)
    if not _PUBLIC_KEY.fullmatch(text):
        raise KvxError(f"{path} is not one SSH public key", fix, ExitCode.USAGE)
    return text


def _make(path: Path, comment: str) -> None:
    public = path.with_name(f"{path.name}.pub")
    with file_errors(path):
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        if not path.exists():
            replace_file(path, _new_private_key())
        if not public.exists():
            replace_file(public, f"{_half(path)} {comment}\n")


def _new_private_key() -> str:
    key = Ed25519PrivateKey.generate()
    return key.private_bytes(Encoding.PEM, PrivateFormat.OpenSSH, NoEncryption()).decode()


def _half(path: Path) -> str:
    """The public half of a private key, without comment."""
    try:
        key = load_ssh_private_key(path.read_bytes(), password=None)
    except (ValueError, UnsupportedAlgorithm) as error:
        message = f"{path} is damaged: {error}"
        fix = f"bring it back from a backup; or rm {path}*, and its node is no longer recognised"
        raise KvxError(message, fix, ExitCode.INCOMPLETE) from None
    return key.public_key().public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH).decode()


def _public(path: Path) -> str:
    if not path.exists():
        raise FileNotFoundError(path)
    return path.with_name(f"{path.name}.pub").read_text(encoding="utf-8").strip()

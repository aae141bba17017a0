"""Seals Secrets and database of a backup with a key that lies in a file: scrypt, then AES-256-GCM."""

import hashlib
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from kvx.cluster.archive import SCHEMA, SEALED
from kvx.errors import ExitCode, KvxError

LEAST_BYTES = 16
_MAGIC = b"kvx-sealed-1\n"
_SALT, _NONCE = 16, 12
# RFC 7914; 64 MB and about 0.2 s for who knows the key, and for each guess of who does not.
_COST, _BLOCK, _PARALLEL, _MOST_MEMORY = 2**16, 8, 1, 128 * 1024 * 1024


def key_in(file: Path) -> bytes:
    """What the file holds, without the end of its line; KvxError with exit code 2 for too little."""
    try:
        key = file.read_bytes().strip()
    except OSError as error:
        message = f"the key file {file} cannot be read: {error.strerror}"
        raise KvxError(message, f"ls -l {file}", ExitCode.USAGE) from None
    if len(key) < LEAST_BYTES:
        message = f"the key in {file} has {len(key)} characters, and {LEAST_BYTES} are the least"
        fix = f"openssl rand -base64 32 > {file}; keep it where the archive is not"
        raise KvxError(message, fix, ExitCode.USAGE)
    return key


def seal(plain: bytes, key: bytes) -> bytes:
    """Different bytes each time, of the same key and content too."""
    salt, nonce = os.urandom(_SALT), os.urandom(_NONCE)
    return _MAGIC + salt + nonce + AESGCM(_derived(key, salt)).encrypt(nonce, plain, SCHEMA.encode())


def opened(sealed: bytes, key: bytes) -> tuple[Mapping[str, Any], ...]:
    """The Secrets; KvxError as for `unsealed`."""
    secrets: list[Mapping[str, Any]] = json.loads(unsealed(sealed, key, SEALED))["secrets"]
    return tuple(secrets)


def unsealed(sealed: bytes, key: bytes, member: str) -> bytes:
    """What was sealed; KvxError with exit code 2 for another key, 4 for what nobody can have sealed."""
    salt, nonce = sealed[len(_MAGIC) :][:_SALT], sealed[len(_MAGIC) + _SALT :][:_NONCE]
    if not sealed.startswith(_MAGIC) or len(nonce) != _NONCE:
        message = f"the archive is refused: {member} is not as kvx seals"
        raise KvxError(message, "take another archive", ExitCode.INCOMPLETE)
    try:
        rest = sealed[len(_MAGIC) + _SALT + _NONCE :]
        return AESGCM(_derived(key, salt)).decrypt(nonce, rest, SCHEMA.encode())
    except InvalidTag:
        message = f"the key does not open {member}: it was sealed with another one"
        raise KvxError(message, "--secrets-key with the file of the backup", ExitCode.USAGE) from None


def _derived(key: bytes, salt: bytes) -> bytes:
    return hashlib.scrypt(key, salt=salt, n=_COST, r=_BLOCK, p=_PARALLEL, maxmem=_MOST_MEMORY, dklen=32)

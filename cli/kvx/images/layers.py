"""What is in a layer, seen without unpacking it."""

import tarfile
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import BinaryIO

from kvx.errors import KvxError
from kvx.images.elf import HEADER_BYTES, architecture_of

SET_IDENTITY = 0o6000
PRIVATE_KEY = b"PRIVATE KEY-----"
PRIVATE_KEY_BYTES = 128
"""Within so many bytes a file that is a private key says so."""

# Files that are secrets by their name, wherever they lie.
SECRET_NAMES = frozenset(
    {".env", ".netrc", ".pgpass", ".git-credentials", ".dockerconfigjson", "kubeconfig", "terraform.tfstate"}
    | {"id_rsa", "id_ed25519", "id_ecdsa"}
)
SECRET_ENDS = ("/.docker/config.json", "/.aws/credentials", "/.kube/config", "/.ssh/config")


@dataclass(frozen=True, slots=True)
class Program:
    """An ELF file: a program or a library."""

    path: str
    architecture: str


@dataclass(frozen=True, slots=True)
class Contents:
    """What there is to say of a layer, or of several: a path that a later layer covers counts too."""

    programs: tuple[Program, ...] = ()
    secrets: tuple[str, ...] = ()
    set_identity: tuple[str, ...] = ()

    def __add__(self, other: "Contents") -> "Contents":
        return Contents(
            self.programs + other.programs,
            self.secrets + other.secrets,
            self.set_identity + other.set_identity,
        )


def look_into(layer: BinaryIO) -> Contents:
    """Read a layer from its beginning to its end; KvxError for what is no tar archive, plain or by gzip."""
    programs, secrets, set_identity = [], [], []
    try:
        with tarfile.open(fileobj=layer, mode="r|*") as archive:
            for member in archive:
                if not member.isfile():
                    continue
                path = str(PurePosixPath("/") / member.name)
                content = archive.extractfile(member)
                beginning = content.read(PRIVATE_KEY_BYTES) if content else b""
                if architecture := architecture_of(beginning[:HEADER_BYTES]):
                    programs.append(Program(path, architecture))
                if is_secret(path, beginning):
                    secrets.append(path)
                if member.mode & SET_IDENTITY:
                    set_identity.append(path)
    except (tarfile.TarError, EOFError, OSError) as error:
        fix = "build and push the image again; layers packed by zstd cannot be looked into"
        raise KvxError(f"a layer cannot be read: {error}", fix) from None
    return Contents(tuple(programs), tuple(secrets), tuple(set_identity))


def is_secret(path: str, beginning: bytes) -> bool:
    """Whether a file is one that no image should carry, by its name or by how it begins."""
    return PurePosixPath(path).name in SECRET_NAMES or path.endswith(SECRET_ENDS) or PRIVATE_KEY in beginning

"""What is in a layer, seen without unpacking it."""

import tarfile
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import IO, BinaryIO

from kvx.errors import KvxError
from kvx.images.elf import HEADER_BYTES, architecture_of
from kvx.images.packages import LARGEST_BYTES, Package, packages_in, tells_packages

SET_IDENTITY = 0o6000
PRIVATE_KEY = b"PRIVATE KEY-----"
PRIVATE_KEY_BYTES = 128
"""Within so many bytes a file that is a private key says so."""

# Files that are secrets by their name, wherever they lie.
SECRET_NAMES = frozenset(
    {".env", ".netrc", ".pgpass", ".git-credentials", ".dockerconfigjson", "kubeconfig", "terraform.tfstate"}
    | {"id_rsa", "id_ed25519", "id_ecdsa"}
)
REMOVED = ".wh."
"""A file of this beginning takes the one of its name away from the layers before: OCI image specification."""
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
    packages: frozenset[Package] = frozenset()
    """Those that are installed in the end: here a later layer takes away what it covers."""
    covered: frozenset[str] = frozenset()

    def __add__(self, other: "Contents") -> "Contents":
        kept = frozenset(each for each in self.packages if not other.covers(each.path))
        return Contents(
            self.programs + other.programs,
            self.secrets + other.secrets,
            self.set_identity + other.set_identity,
            kept | other.packages,
            self.covered | other.covered,
        )

    def covers(self, path: str) -> bool:
        """Whether this layer removes the path, or one above it, or has that file itself."""
        return not self.covered.isdisjoint((path, *map(str, PurePosixPath(path).parents)))


def look_into(layer: BinaryIO) -> Contents:
    """Read a layer from its beginning to its end; KvxError for what is no tar archive, plain or by gzip."""
    seen = _Seen()
    try:
        with tarfile.open(fileobj=layer, mode="r|*") as archive:
            for member in archive:
                content = archive.extractfile(member) if member.isfile() else None
                if content is not None:
                    seen.see(str(PurePosixPath("/") / member.name), member, content)
    except (tarfile.TarError, EOFError, OSError) as error:
        fix = "build and push the image again; layers packed by zstd cannot be looked into"
        raise KvxError(f"a layer cannot be read: {error}", fix) from None
    return seen.contents()


class _Seen:
    """What was seen of a layer so far."""

    def __init__(self) -> None:
        self._programs: list[Program] = []
        self._secrets: list[str] = []
        self._set_identity: list[str] = []
        self._packages: set[Package] = set()
        self._covered: set[str] = set()

    def see(self, path: str, member: tarfile.TarInfo, content: IO[bytes]) -> None:
        if REMOVED in path:
            self._covered.add(_removed_by(path))
            return
        beginning = content.read(PRIVATE_KEY_BYTES)
        if architecture := architecture_of(beginning[:HEADER_BYTES]):
            self._programs.append(Program(path, architecture))
        if is_secret(path, beginning):
            self._secrets.append(path)
        if member.mode & SET_IDENTITY:
            self._set_identity.append(path)
        if tells_packages(path) and member.size <= LARGEST_BYTES:
            self._packages.update(packages_in(path, beginning + content.read()))
            self._covered.add(path)

    def contents(self) -> Contents:
        return Contents(
            tuple(self._programs),
            tuple(self._secrets),
            tuple(self._set_identity),
            frozenset(self._packages),
            frozenset(self._covered),
        )


def _removed_by(path: str) -> str:
    """The path that a mark of removal is about; a mark that names nothing is about its whole folder."""
    pure = PurePosixPath(path)
    name = pure.name.removeprefix(REMOVED)
    return str(pure.parent if name.startswith(REMOVED) else pure.with_name(name or pure.name))


def is_secret(path: str, beginning: bytes) -> bool:
    """Whether a file is one that no image should carry, by its name or by how it begins."""
    return PurePosixPath(path).name in SECRET_NAMES or path.endswith(SECRET_ENDS) or PRIVATE_KEY in beginning

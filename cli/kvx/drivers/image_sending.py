"""Makes the file that brings an image to a node: an OCI layout with only the blobs that it has not got."""

import hashlib
import io
import json
import tarfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from kvx.drivers.layout import NAME, VERSION, Layout
from kvx.errors import ExitCode, KvxError
from kvx.images.documents import INDEXES, Descriptor, Platform, read_index, read_manifest
from kvx.images.nodes import lacking
from kvx.images.record import Proven

FOLDER = "sending"


@dataclass(frozen=True, slots=True)
class Part:
    """A file to send, with the digest that proves its arrival; `size_bytes` is that of the blobs in it."""

    path: Path
    digest: str
    size_bytes: int


class Sending:
    """The files for all nodes of one image: those that lack the same get the same."""

    def __init__(self, image: Proven, layout: Layout, folder: Path) -> None:
        self._image, self._layout, self._folder = image, layout, folder
        self._made: dict[str, Part] = {}

    @property
    def name(self) -> str:
        """What containerd calls it, and Kubernetes asks for."""
        reference = self._image.reference
        return f"{reference.registry}/{reference.repository}@{reference.digest}"

    @property
    def digest(self) -> str:
        return str(self._image.reference.digest)

    def needed(self, architecture: str) -> tuple[Descriptor, ...]:
        """All blobs of the image for a processor; KvxError where it was not built for that."""
        _, content = self._layout.manifest(self.digest)
        index = read_index(content)
        place = index.images.get(Platform("linux", architecture)) if index else None
        if place is None:
            message = f"{self._image.reference} was not built for linux/{architecture}"
            fix = f'add "linux/{architecture}" to images.platforms, then kvx images'
            raise KvxError(message, fix, ExitCode.MISSING)
        manifest = read_manifest(self._layout.manifest(place.digest)[1])
        return (Descriptor(INDEXES[0], self.digest, len(content)), place, manifest.config, *manifest.layers)

    def part(self, architecture: str, there: frozenset[str]) -> Part:
        """What a node of that processor, which has these blobs, still needs."""
        missing = lacking(self.needed(architecture), there)
        key = hashlib.sha256(" ".join((self.name, *(each.digest for each in missing))).encode()).hexdigest()
        if key not in self._made:
            self._made[key] = self._write(self._folder / f"{key[:16]}.tar", missing)
        return self._made[key]

    def _write(self, path: Path, missing: Sequence[Descriptor]) -> Part:
        """The same bytes each time, so that a transfer that broke off goes on from there."""
        path.parent.mkdir(parents=True, exist_ok=True)
        draft = path.with_suffix(".draft")
        with tarfile.open(draft, "w") as archive:
            _add(archive, "oci-layout", VERSION.encode())
            _add(archive, "index.json", self._names())
            for each in missing:
                with self._layout.layer(each) as file:
                    member = tarfile.TarInfo(f"blobs/{each.digest.replace(':', '/')}")
                    member.size = self._layout.path(each.digest).stat().st_size
                    archive.addfile(member, file)
        draft.replace(path)
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        return Part(path, digest, sum(each.size_bytes for each in missing))

    def _names(self) -> bytes:
        """Containerd keeps it under each of these: by digest for Kubernetes, by tag for people."""
        reference = self._image.reference
        size = self._layout.path(self.digest).stat().st_size
        names = (self.name, f"{reference.registry}/{reference.repository}:{reference.tag}")
        rows = [
            Descriptor(INDEXES[0], self.digest, size, annotations={NAME: name}).document for name in names
        ]
        return json.dumps({"schemaVersion": 2, "manifests": rows}).encode()


def _add(archive: tarfile.TarFile, name: str, content: bytes) -> None:
    member = tarfile.TarInfo(name)
    member.size = len(content)
    archive.addfile(member, io.BytesIO(content))

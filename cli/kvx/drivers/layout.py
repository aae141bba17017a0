"""Reads and fills a folder of images: an OCI image layout, as BuildKit writes it and containerd imports it.

https://github.com/opencontainers/image-spec/blob/v1.1.0/image-layout.md
"""

import hashlib
import json
import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

from kvx.drivers.absent import NotThereError
from kvx.drivers.files import replace_file
from kvx.errors import ExitCode, KvxError
from kvx.images.documents import Descriptor, digest_of, linked
from kvx.images.reference import DIGEST, Reference
from kvx.images.referrers import listed, referrers_tag, with_referrer
from kvx.world import World

TAG = "org.opencontainers.image.ref.name"
NAME = "io.containerd.image.name"
VERSION = '{"imageLayoutVersion": "1.0.0"}'
_PIECE_BYTES = 1 << 20


class Layout:
    """One repository of the folder; what has another name in it is not seen."""

    def __init__(self, folder: Path, reference: Reference, world: World) -> None:
        self._folder = folder
        self._world = world
        self._reference = reference
        self._repository = f"{reference.registry}/{reference.repository}"

    def close(self) -> None:
        """Nothing is held open."""

    def manifest(self, wanted: str) -> tuple[str, bytes]:
        digest = wanted if DIGEST.fullmatch(wanted) else self._tags().get(wanted)
        if digest is None or not self.has(digest):
            message = f"{self._repository} with {wanted} is not among the images in {self._folder}"
            raise NotThereError(message, "kvx images build", ExitCode.MISSING)
        return digest, self._read(digest)

    def digest(self, wanted: str) -> str | None:
        try:
            return self.manifest(wanted)[0]
        except NotThereError:
            return None

    def document(self, descriptor: Descriptor) -> bytes:
        return self._read(descriptor.digest)

    @contextmanager
    def layer(self, descriptor: Descriptor) -> Iterator[BinaryIO]:
        seen = hashlib.sha256()
        with self._open(descriptor.digest) as file:
            while piece := file.read(_PIECE_BYTES):
                if self._world.stop_requested():
                    raise KvxError("stopped on request", "run the command again", ExitCode.INTERRUPTED)
                seen.update(piece)
            if f"sha256:{seen.hexdigest()}" != descriptor.digest:
                raise self._damaged(descriptor.digest)
            file.seek(0)
            yield file

    def tags(self) -> tuple[str, ...]:
        return tuple(sorted(self._tags()))

    def referrers(self, digest: str) -> tuple[Descriptor, ...]:
        index = self.digest(referrers_tag(digest))
        return listed(self._read(index)) if index else ()

    def has(self, digest: str) -> bool:
        return self.path(digest).is_file()

    def borrow(self, digest: str, owner: Reference) -> bool:
        return self.has(digest) and owner.is_local  # all repositories of a folder have the same blobs

    def put_blob(self, descriptor: Descriptor, content: BinaryIO) -> None:
        if self.has(descriptor.digest):
            return
        self._begin()
        draft = self.path(descriptor.digest).with_suffix(".draft")
        with draft.open("wb") as file:
            shutil.copyfileobj(content, file, _PIECE_BYTES)
            file.flush()
            os.fsync(file.fileno())
        draft.replace(self.path(descriptor.digest))

    def put_manifest(self, name: str, media_type: str, content: bytes) -> None:
        digest = digest_of(content)
        self._begin()
        if not self.has(digest):
            self.path(digest).write_bytes(content)
        if DIGEST.fullmatch(name):
            return
        annotations = {NAME: f"{self._repository}:{name}", TAG: name}
        descriptor = Descriptor(media_type, digest, len(content), annotations=annotations)
        others = [row for row in self._rows() if not self._is_tagged(row, name)]
        self._write_index([*others, descriptor.document])

    def attach(self, subject: Descriptor, referrer: Descriptor, content: bytes) -> None:
        self.put_manifest(referrer.digest, referrer.media_type, content)
        index = with_referrer(self.referrers(subject.digest), referrer)
        self.put_manifest(referrers_tag(subject.digest), json.loads(index)["mediaType"], index)

    def delete(self, digest: str) -> None:
        self._write_index([row for row in self._rows() if row.get("digest") != digest])

    def sweep(self) -> int:
        """Remove every blob that no name leads to any more; how many bytes that were."""
        used: set[str] = set()
        waiting = [str(row.get("digest")) for row in self._rows()]
        while waiting:
            digest = waiting.pop()
            if digest not in used and self.has(digest):
                used.add(digest)
                waiting += linked(self._read(digest)) if self.path(digest).stat().st_size < 4 << 20 else ()
        freed = 0
        for file in (self._folder / "blobs" / "sha256").glob("*"):
            if f"sha256:{file.name}" not in used:
                freed += file.stat().st_size
                file.unlink()
        return freed

    def path(self, digest: str) -> Path:
        return self._folder / "blobs" / "sha256" / digest.removeprefix("sha256:")

    def _tags(self) -> Mapping[str, str]:
        prefix = f"{self._repository}:"
        names = ((str(_notes(row).get(NAME, "")), str(row.get("digest"))) for row in self._rows())
        return {name.removeprefix(prefix): digest for name, digest in names if name.startswith(prefix)}

    def _is_tagged(self, row: Mapping[str, Any], tag: str) -> bool:
        return bool(_notes(row).get(NAME) == f"{self._repository}:{tag}")

    def _rows(self) -> list[Mapping[str, Any]]:
        try:
            document = json.loads((self._folder / "index.json").read_bytes())
            rows = document["manifests"]
            return [row for row in rows if isinstance(row, dict)]
        except FileNotFoundError:
            return []
        except (ValueError, KeyError, TypeError):
            message = f"{self._folder / 'index.json'} is damaged, so nobody knows which images lie there"
            raise KvxError(
                message, f"rm -r {self._folder}, then kvx images build", ExitCode.INCOMPLETE
            ) from None

    def _write_index(self, rows: list[Any]) -> None:
        document = {"schemaVersion": 2, "manifests": rows}
        replace_file(self._folder / "index.json", json.dumps(document) + "\n")

    def _begin(self) -> None:
        (self._folder / "blobs" / "sha256").mkdir(parents=True, exist_ok=True)
        version = self._folder / "oci-layout"
        if not version.exists():
            version.write_text(VERSION)

    def _read(self, digest: str) -> bytes:
        with self._open(digest) as file:
            content = file.read()
        if digest_of(content) != digest:
            raise self._damaged(digest)
        return content

    def _open(self, digest: str) -> BinaryIO:
        try:
            return self.path(digest).open("rb")
        except FileNotFoundError:
            message = f"{digest} is missing in {self._folder}"
            raise KvxError(message, "kvx images build", ExitCode.INCOMPLETE) from None

    def _damaged(self, digest: str) -> KvxError:
        message = f"{self.path(digest)} holds something else than its name says"
        return KvxError(message, f"rm {self.path(digest)}, then kvx images build", ExitCode.INCOMPLETE)


def _notes(row: Mapping[str, Any]) -> Mapping[str, Any]:
    notes = row.get("annotations")
    return notes if isinstance(notes, dict) else {}

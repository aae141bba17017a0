"""Where images lie: one repository of a registry, or a folder here; both are read and filled alike."""

from contextlib import AbstractContextManager
from pathlib import Path
from typing import BinaryIO, Protocol

from kvx.drivers.layout import Layout
from kvx.drivers.registry import Registry
from kvx.images.documents import Descriptor
from kvx.images.reference import Reference
from kvx.world import World


class Blobs(Protocol):
    """Documents and layers by their digests; what is read has the right digest, or a KvxError is raised."""

    def manifest(self, wanted: str) -> tuple[str, bytes]:
        """Digest and content of the index or manifest of that tag or digest."""
        ...

    def digest(self, wanted: str) -> str | None:
        """What a tag means now; None where there is no such tag."""
        ...

    def document(self, descriptor: Descriptor) -> bytes:
        """A small blob."""
        ...

    def layer(self, descriptor: Descriptor) -> AbstractContextManager[BinaryIO]:
        """A layer, to be read from its beginning to its end."""
        ...

    def tags(self) -> tuple[str, ...]: ...

    def referrers(self, digest: str) -> tuple[Descriptor, ...]:
        """What was attached to the manifest of that digest."""
        ...

    def has(self, digest: str) -> bool:
        """Whether the blob of that digest is there."""
        ...

    def borrow(self, digest: str, owner: Reference) -> bool:
        """Whether the blob is there now, because another repository of the same place has it."""
        ...

    def put_blob(self, descriptor: Descriptor, content: BinaryIO) -> None: ...

    def put_manifest(self, name: str, media_type: str, content: bytes) -> None:
        """Under a tag, or under its own digest; what it points at must be there already."""
        ...

    def attach(self, subject: Descriptor, referrer: Descriptor, content: bytes) -> None:
        """A manifest that says something of another one, its subject; in place of one of its kind."""
        ...

    def delete(self, digest: str) -> None:
        """Forget a manifest, and every tag that means it."""
        ...

    def close(self) -> None: ...


def layout_folder(folder: Path) -> Path:
    """Where the images of a target's folder lie as long as they are in no registry."""
    return folder / "images" / "layout"


def opened(reference: Reference, folder: Path, world: World) -> Blobs:
    """Where the image of that name lies; `folder` is the target's."""
    if reference.is_local:
        return Layout(layout_folder(folder), reference, world)
    return Registry(reference, world)

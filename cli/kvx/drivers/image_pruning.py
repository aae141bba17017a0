"""Deletes images that may go: manifests, what was attached to them, and in a folder their blobs too."""

from collections.abc import Mapping
from contextlib import closing
from pathlib import Path

from kvx.drivers import image_records
from kvx.drivers.absent import NotThereError
from kvx.drivers.blobs import Blobs, opened
from kvx.drivers.layout import Layout
from kvx.images.reference import Reference
from kvx.images.referrers import referrers_tag
from kvx.images.retention import Retention
from kvx.world import World

FILE = "images.json"


def kept_digests(folders: Path) -> frozenset[str]:
    """What the deployments under .kvx/ are to run: digests of indexes, and of each platform's image."""
    found: set[str] = set()
    for file in folders.glob(f"*/{FILE}"):
        for each in image_records.kept(file).values():
            found |= {str(each.reference.digest), *each.platforms.values()}
    return frozenset(found)


def released_digests(images: Mapping[str, str]) -> frozenset[str]:
    """The digests of a release, whose images are named as the manifests name them."""
    return frozenset(name.rpartition("@")[2] for name in (*images, *images.values()) if "@" in name)


def delete(repository: Reference, going: Retention, world: World, folder: Path) -> int:
    """Everything that goes; how many bytes that freed here: 0 for a registry, which frees them later."""
    with closing(opened(repository, folder, world)) as blobs:
        for number, digest in enumerate(going.manifests, 1):
            world.progress(f"deletes {number} of {len(going.manifests)}: {digest}")
            _delete_attached(blobs, digest)
            _delete(blobs, digest)
        return blobs.sweep() if isinstance(blobs, Layout) else 0


def _delete_attached(blobs: Blobs, digest: str) -> None:
    for referrer in blobs.referrers(digest):
        _delete(blobs, referrer.digest)
    listed = blobs.digest(referrers_tag(digest))
    if listed is not None:
        _delete(blobs, listed)


def _delete(blobs: Blobs, digest: str) -> None:
    """One that is gone already is what was wanted."""
    try:
        blobs.delete(digest)
    except NotThereError:
        return

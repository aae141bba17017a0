"""What a repository holds, or a folder: its tags, and for which platforms each is."""

from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path

from kvx.drivers.absent import NotThereError
from kvx.drivers.blobs import Blobs, opened
from kvx.images.documents import CONFIGURATIONS, Index, read_configuration, read_index, read_manifest
from kvx.images.reference import Reference
from kvx.images.retention import REFERRERS, Tagged
from kvx.world import World


def tagged_in(repositories: Sequence[Reference], world: World, folder: Path) -> dict[Reference, list[Tagged]]:
    """The tags of each that is there; KvxError with exit code 3 where the registry has none of them."""
    found, missing = {}, None
    for repository in repositories:
        try:
            found[repository] = list(tagged(repository, world, folder))
        except NotThereError as error:
            missing = missing or error
    if not found and missing is not None:
        raise missing
    return found


def tagged(repository: Reference, world: World, folder: Path | None = None) -> Iterator[Tagged]:
    """Every tag; what is no image for a platform (a cache, an attestation) is shown without sizes."""
    with closing(opened(repository, folder or Path(), world)) as blobs:
        for tag in blobs.tags():
            if not REFERRERS.fullmatch(tag):
                digest, content = blobs.manifest(tag)
                yield _tagged(blobs, tag, digest, content)


def _tagged(blobs: Blobs, tag: str, digest: str, content: bytes) -> Tagged:
    index = read_index(content)
    if index is None:
        manifest = read_manifest(content)
        if manifest.config.media_type not in CONFIGURATIONS:
            return Tagged(tag, digest)
        configuration = read_configuration(blobs.document(manifest.config))
        return Tagged(tag, digest, {str(configuration.platform): manifest.size_bytes}, configuration.created)
    sizes, created = {}, ""
    for platform, place in sorted(index.images.items()):
        manifest = read_manifest(blobs.manifest(place.digest)[1])
        sizes[str(platform)] = manifest.size_bytes
        created = max(created, read_configuration(blobs.document(manifest.config)).created)
    return Tagged(tag, digest, sizes, created, _manifests(index))


def _manifests(index: Index) -> tuple[str, ...]:
    return tuple(each.digest for each in index.manifests)

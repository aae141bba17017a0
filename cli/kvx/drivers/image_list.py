"""What a repository holds: its tags, and for which platforms each is."""

from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass

from kvx.drivers.registry import Registry
from kvx.images.documents import read_configuration, read_index, read_manifest
from kvx.images.reference import Reference
from kvx.world import World


@dataclass(frozen=True, slots=True)
class Tagged:
    """A tag, the digest it means now, and the compressed size for each platform."""

    tag: str
    digest: str
    sizes: dict[str, int]


def tagged(repository: Reference, world: World) -> Iterator[Tagged]:
    """Every tag; what is no image for a platform (a cache, an attestation) is shown without sizes."""
    with closing(Registry(repository, world)) as registry:
        for tag in registry.tags():
            digest, content = registry.manifest(tag)
            yield Tagged(tag, digest, _sizes(registry, content))


def _sizes(registry: Registry, content: bytes) -> dict[str, int]:
    index = read_index(content)
    if index is None:
        manifest = read_manifest(content)
        platform = read_configuration(registry.document(manifest.config)).platform
        return {str(platform): manifest.size_bytes}
    return {
        str(platform): read_manifest(registry.manifest(place.digest)[1]).size_bytes
        for platform, place in sorted(index.images.items())
    }

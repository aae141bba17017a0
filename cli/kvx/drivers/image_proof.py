"""Proves an image where it lies: reads index, configurations and every file of every layer."""

from contextlib import closing
from dataclasses import replace
from pathlib import Path

from kvx.drivers.blobs import Blobs, opened
from kvx.errors import ExitCode, KvxError
from kvx.images.attested import PROVENANCE, Attested
from kvx.images.bill import KIND
from kvx.images.documents import Index, Platform, read_configuration, read_index, read_manifest
from kvx.images.layers import Contents, look_into
from kvx.images.proof import Examined, Image, Wanted, examine
from kvx.images.reference import Reference
from kvx.world import World

PREDICATE = "in-toto.io/predicate-type"


def examined(
    reference: Reference,
    wanted: Wanted,
    world: World,
    folder: Path | None = None,
    seen: dict[str, Contents] | None = None,
) -> Examined:
    """The image with everything that is wrong with it; KvxError where it cannot be read at all.

    A reference with tag and digest must still have them together: a tag that was moved is refused.
    `folder` is the target's, where an image lies that is in no registry. What layers of other images held is
    in `seen`, by their digests, and so will be those of this one.
    """
    with closing(opened(reference, folder or Path(), world)) as registry:
        if reference.tag and reference.digest:
            _refuse_moved_tag(registry, reference)
        digest, content = registry.manifest(reference.wanted)
        index = read_index(content)
        layers = _Layers(registry, world, {} if seen is None else seen)
        images = {}
        for platform, place in _to_look_into(index, wanted).items():
            image = layers.image(place)
            images[platform] = replace(image, attested=attested_of(registry, index, place))
        return examine(digest, index, images, wanted)


def _to_look_into(index: Index | None, wanted: Wanted) -> dict[Platform, str]:
    """The digest of each platform's image that is wanted and there."""
    there = index.images if index else {}
    return {platform: there[platform].digest for platform in wanted.platforms if platform in there}


def attested_of(blobs: Blobs, index: Index | None, digest: str) -> Attested:
    """What was attached to a platform's image: by BuildKit in the index, by kvx as a referrer."""
    place = index.attestation_of(digest) if index else None
    provenance = _first(blobs, place.digest, PROVENANCE) if place else None
    bills = [each for each in blobs.referrers(digest) if each.artifact_type == KIND]
    return Attested(provenance, _first(blobs, bills[0].digest) if bills else None)


def _first(blobs: Blobs, digest: str, predicate: str = "") -> bytes | None:
    """The first layer of an attachment, of those with that beginning of a predicate's type."""
    for layer in read_manifest(blobs.manifest(digest)[1]).layers:
        if layer.annotations.get(PREDICATE, "").startswith(predicate):
            return blobs.document(layer)
    return None


def _refuse_moved_tag(registry: Blobs, reference: Reference) -> None:
    found, _ = registry.manifest(str(reference.tag))
    if found != reference.digest:
        message = f"{reference} was moved: the tag {reference.tag} means {found} now"
        raise KvxError(message, "find out who pushed it; kvx images build makes it anew", ExitCode.INCOMPLETE)


class _Layers:
    """Layers that were looked into already: platforms and images share some."""

    def __init__(self, registry: Blobs, world: World, seen: dict[str, Contents]) -> None:
        self._registry = registry
        self._world = world
        self._seen = seen

    def image(self, digest: str) -> Image:
        _, content = self._registry.manifest(digest)
        manifest = read_manifest(content)
        configuration = read_configuration(self._registry.document(manifest.config))
        contents = Contents()
        for number, layer in enumerate(manifest.layers, 1):
            if layer.digest not in self._seen:
                self._world.progress(
                    f"{configuration.platform}: layer {number} of {len(manifest.layers)}, "
                    f"{layer.size_bytes / 1e6:.1f} MB"
                )
                with self._registry.layer(layer) as file:
                    self._seen[layer.digest] = look_into(file)
            contents += self._seen[layer.digest]
        return Image(digest, manifest, configuration, contents)

"""Proves an image where it lies: reads index, configurations and every file of every layer."""

from contextlib import closing
from pathlib import Path

from kvx.drivers.blobs import Blobs, opened
from kvx.errors import ExitCode, KvxError
from kvx.images.documents import Index, Platform, read_configuration, read_index, read_manifest
from kvx.images.layers import Contents, look_into
from kvx.images.proof import Examined, Image, Wanted, examine
from kvx.images.reference import Reference
from kvx.world import World


def examined(reference: Reference, wanted: Wanted, world: World, folder: Path | None = None) -> Examined:
    """The image with everything that is wrong with it; KvxError where it cannot be read at all.

    A reference with tag and digest must still have them together: a tag that was moved is refused.
    `folder` is the target's, where an image lies that is in no registry.
    """
    with closing(opened(reference, folder or Path(), world)) as registry:
        if reference.tag and reference.digest:
            _refuse_moved_tag(registry, reference)
        digest, content = registry.manifest(reference.wanted)
        index = read_index(content)
        layers = _Layers(registry, world)
        images = {}
        for platform, place in _to_look_into(index, wanted).items():
            images[platform] = layers.image(place)
        return examine(digest, index, images, wanted)


def _to_look_into(index: Index | None, wanted: Wanted) -> dict[Platform, str]:
    """The digest of each platform's image that is wanted and there."""
    there = index.images if index else {}
    return {platform: there[platform].digest for platform in wanted.platforms if platform in there}


def _refuse_moved_tag(registry: Blobs, reference: Reference) -> None:
    found, _ = registry.manifest(str(reference.tag))
    if found != reference.digest:
        message = f"{reference} was moved: the tag {reference.tag} means {found} now"
        raise KvxError(message, "find out who pushed it; kvx images build makes it anew", ExitCode.INCOMPLETE)


class _Layers:
    """Layers that were looked into already: platforms share some."""

    def __init__(self, registry: Blobs, world: World) -> None:
        self._registry = registry
        self._world = world
        self._seen: dict[str, Contents] = {}

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

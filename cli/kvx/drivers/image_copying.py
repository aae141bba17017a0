"""Pushes what was built into a folder: only blobs that the registry lacks, and the tag last of all."""

from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import replace

from kvx.drivers import image_building
from kvx.drivers.blobs import Blobs, opened
from kvx.errors import ExitCode, KvxError
from kvx.images.documents import INDEXES, MANIFESTS, Descriptor, Platform, read_index, read_manifest
from kvx.images.reference import Reference, parse_reference
from kvx.steps.images import PushImages
from kvx.world import Outcome, World


def is_done(step: PushImages, world: World) -> bool:
    """Whether what was built last is in the registry already, under its tags."""
    built = image_building.built(step.folder)
    return bool(built) and all(_is_pushed(step, each, world) for each in built.values())


def perform(step: PushImages, world: World) -> Outcome:
    """The images with all that was attached to them; a tag that means something else there is refused."""
    built = image_building.built(step.folder)
    if not any(each.is_local for each in built.values()):
        raise KvxError("no image lies here that could be pushed", "kvx images build", ExitCode.MISSING)
    pushed: dict[str, Reference] = {}
    lines = []
    for name, each in built.items():
        pushed[name], sent = _pushed(step, each, tuple(pushed.values()), world)
        lines.append(f"pushed {pushed[name]}, {sent / 1e6:.1f} MB of it new")
    image_building.keep_built(step.folder, pushed)
    return Outcome(True, tuple(lines), {"images": {name: str(each) for name, each in pushed.items()}})


def _is_pushed(step: PushImages, built: Reference, world: World) -> bool:
    if built.is_local or built != _there(step, built):
        return False
    with closing(opened(built, step.folder, world)) as blobs:
        return blobs.digest(str(built.tag)) == built.digest


def _pushed(
    step: PushImages, built: Reference, before: Sequence[Reference], world: World
) -> tuple[Reference, int]:
    """Where it is now, and how many bytes of it were sent; of those `before` it may share layers."""
    there = _there(step, built)
    with (
        closing(opened(built, step.folder, world)) as source,
        closing(opened(there, step.folder, world)) as registry,
    ):
        found = registry.digest(str(there.tag))
        if found in (None, there.digest):
            return there, _Copy(source, registry, before, world).whole(there)
        if _images(registry, str(found)) == _images(source, built.wanted):
            return replace(there, digest=found), 0  # another run attested the same: what may be in use stays
        message = f"the tag {there.tag} means {found} in {step.repository} already"
        raise KvxError(message, "find out who pushed it, or commit something new", ExitCode.INCOMPLETE)


def _images(blobs: Blobs, name: str) -> Mapping[Platform, str]:
    """The digest of each platform's image; none where it is no index."""
    index = read_index(blobs.manifest(name)[1])
    return {platform: each.digest for platform, each in index.images.items()} if index else {}


def _there(step: PushImages, built: Reference) -> Reference:
    place = parse_reference(f"{step.repository}/{built.repository.rpartition('/')[2]}")
    return replace(place, tag=built.tag, digest=built.digest)


class _Copy:
    """From one place to another; `sent` counts the bytes that the other had not."""

    def __init__(self, source: Blobs, destination: Blobs, before: Sequence[Reference], world: World) -> None:
        self._source, self._destination, self._world = source, destination, world
        self._before, self._sent = before, 0

    def whole(self, image: Reference) -> int:
        """What leads to something is put after it, so that nothing is ever there in part."""
        _, content = self._source.manifest(image.wanted)
        index = read_index(content)
        if index is None:
            raise KvxError(f"{image} is no index of several platforms", "kvx images build")
        for each in index.manifests:
            self._manifest(each)
        self._destination.put_manifest(str(image.tag), INDEXES[0], content)
        for each in index.manifests:
            for referrer in self._source.referrers(each.digest):
                self._blobs(referrer)
                attached = self._source.manifest(referrer.digest)[1]
                self._destination.attach(each, referrer, attached)
        return self._sent

    def _manifest(self, each: Descriptor) -> None:
        self._blobs(each)
        content = self._source.manifest(each.digest)[1]
        self._destination.put_manifest(each.digest, each.media_type or MANIFESTS[0], content)

    def _blobs(self, each: Descriptor) -> None:
        manifest = read_manifest(self._source.manifest(each.digest)[1])
        for blob in (*manifest.layers, manifest.config):
            if not self._has(blob.digest):
                self._world.progress(f"pushes {blob.digest[:19]}, {blob.size_bytes / 1e6:.1f} MB")
                with self._source.layer(blob) as file:
                    self._destination.put_blob(blob, file)
                self._sent += blob.size_bytes

    def _has(self, digest: str) -> bool:
        """There already, or taken over from an image that has the same layer."""
        return self._destination.has(digest) or any(
            self._destination.borrow(digest, each) for each in self._before
        )

"""Looks whether images are kept that a cluster can pull, where kvx has no registry to build one into."""

from collections.abc import Iterator
from contextlib import closing

from kvx.drivers import image_records
from kvx.drivers.blobs import opened
from kvx.errors import ExitCode, KvxError
from kvx.images.record import Proven
from kvx.steps.images import CheckImages
from kvx.world import Outcome, World

FILE = "images.json"


def is_done(step: CheckImages, world: World) -> bool:
    """Whether each is there, and its registry still has it."""
    return next(_missing(step, world), None) is None


def perform(step: CheckImages, world: World) -> Outcome:
    for name, kept in _missing(step, world):
        message = f"there is no registry that the images can go to, and no {name} was kept that is in one"
        if kept is not None:
            message = f"{kept.reference} is kept, and its registry has it no more"
        fix = f'set images.repository to "REGISTRY/FOLDER"; or kvx images verify REGISTRY/{name}:TAG --keep'
        raise KvxError(message, fix, ExitCode.MISSING)
    return Outcome(changed=False)


def _missing(step: CheckImages, world: World) -> Iterator[tuple[str, Proven | None]]:
    """The images that cannot be pulled, with what is kept of each."""
    file = step.folder / FILE
    kept = image_records.kept(file) if file.exists() else {}
    for name in step.names:
        image = kept.get(name)
        if image is None or image.reference.is_local:
            yield name, None
        elif not _is_there(image, step, world):
            yield name, image


def _is_there(image: Proven, step: CheckImages, world: World) -> bool:
    with closing(opened(image.reference, step.folder, world)) as blobs:
        return blobs.digest(str(image.reference.digest)) is not None

"""Looks whether an image is kept that a cluster can pull, where kvx has no registry to build one into."""

from contextlib import closing

from kvx.drivers import image_records
from kvx.drivers.blobs import opened
from kvx.errors import ExitCode, KvxError
from kvx.images.record import Proven
from kvx.steps.images import CheckImages
from kvx.world import Outcome, World

FILE = "images.json"


def is_done(step: CheckImages, world: World) -> bool:
    """Whether there is one, and its registry still has it."""
    return all(_is_there(each, step, world) for each in _kept(step)) if _kept(step) else False


def perform(step: CheckImages, _world: World) -> Outcome:
    kept = _kept(step)
    if kept:
        message = f"{kept[0].reference} is kept, and its registry has it no more"
    else:
        message = "there is no registry that the images can go to, and no image was kept that is in one"
    fix = 'set images.repository to "REGISTRY/FOLDER"; or kvx images verify REGISTRY/voice-api:TAG --keep'
    raise KvxError(message, fix, ExitCode.MISSING)


def _kept(step: CheckImages) -> list[Proven]:
    file = step.folder / FILE
    kept = image_records.kept(file).values() if file.exists() else ()
    return [each for each in kept if not each.reference.is_local]


def _is_there(image: Proven, step: CheckImages, world: World) -> bool:
    with closing(opened(image.reference, step.folder, world)) as blobs:
        return blobs.digest(str(image.reference.digest)) is not None

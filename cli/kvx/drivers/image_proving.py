"""Proves what was built, and keeps its digest for the phase that rolls it out."""

from contextlib import closing
from dataclasses import replace

from kvx.drivers import image_bills, image_building, image_records
from kvx.drivers.blobs import opened
from kvx.drivers.image_proof import examined
from kvx.errors import ExitCode, KvxError
from kvx.images import record
from kvx.images.proof import Wanted
from kvx.images.record import platform_of
from kvx.images.reference import Reference
from kvx.steps.images import ProveImages
from kvx.world import Outcome, World

FILE = "images.json"


def is_done(step: ProveImages, world: World) -> bool:
    """Whether exactly what was built last is kept, for these platforms, and its tag was not moved since."""
    built, file = image_building.built(step.folder), step.folder / FILE
    if built is None or not step.keep or not file.exists():
        return False
    kept = image_records.kept(file).get(record.name_of(built))
    if kept is None or kept.reference != built or not set(_wanted(step).platforms) <= kept.platforms.keys():
        return False
    with closing(opened(built, step.folder, world)) as blobs:
        return blobs.digest(str(built.tag)) == built.digest


def perform(step: ProveImages, world: World) -> Outcome:
    built = _built(step)
    found = examined(built, _wanted(step), world, step.folder)
    if found.findings:
        first = found.findings[0]
        more = f"; and {len(found.findings) - 1} more" if found.findings[1:] else ""
        raise KvxError(f"{built} must not roll out: {first.words}{more}", first.fix)
    with closing(opened(built, step.folder, world)) as blobs:
        found = replace(found, images=image_bills.attached(blobs, record.name_of(built), found.images))
    if step.keep:
        image_records.keep(step.folder / FILE, record.proven(built, found))
    lines = [
        f"{platform}: {image.manifest.size_bytes / 1e6:.1f} MB, {len(image.contents.programs)} programs, "
        f"{len(image.contents.packages)} packages in its bill of materials"
        for platform, image in sorted(found.images.items())
    ]
    return Outcome(changed=True, lines=tuple(lines), data={"images": {record.name_of(built): str(built)}})


def _built(step: ProveImages) -> Reference:
    built = image_building.built(step.folder)
    if built is None:
        raise KvxError("no image was built yet", "kvx images", ExitCode.MISSING)
    return built


def _wanted(step: ProveImages) -> Wanted:
    platforms = tuple(platform_of(each) for each in step.wanted.platforms)
    return Wanted(platforms, step.wanted.largest_bytes)

"""Proves what was built, and keeps its digest for the phase that rolls it out."""

from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace

from kvx.drivers import image_bills, image_building, image_records
from kvx.drivers.blobs import opened
from kvx.drivers.image_proof import examined
from kvx.errors import ExitCode, KvxError
from kvx.images import record
from kvx.images.layers import Contents
from kvx.images.proof import Examined, Wanted
from kvx.images.recipes import Recipe, recipe_of
from kvx.images.record import Proven, platform_of
from kvx.images.reference import Reference
from kvx.steps.images import ProveImages
from kvx.world import Outcome, World

FILE = "images.json"


def is_done(step: ProveImages, world: World) -> bool:
    """Whether exactly what was built last is kept, for these platforms, and its tag was not moved since."""
    built, file = image_building.built(step.folder), step.folder / FILE
    if not step.keep or not file.exists():
        return False
    kept = image_records.kept(file)
    return all(
        _is_kept(step, kept.get(name), built.get(name), recipe_of(name), world) for name in step.wanted.names
    )


def perform(step: ProveImages, world: World) -> Outcome:
    """All of them are right, or none is kept; layers that several have are looked into once."""
    seen: dict[str, Contents] = {}
    proven = {name: _proven(step, name, seen, world) for name in step.wanted.names}
    if step.keep:
        for built, found in proven.values():
            image_records.keep(step.folder / FILE, record.proven(built, found))
    lines = tuple(line for name, (_, found) in proven.items() for line in _lines(name, found))
    return Outcome(True, lines, {"images": {name: str(built) for name, (built, _) in proven.items()}})


def _is_kept(
    step: ProveImages, kept: Proven | None, built: Reference | None, recipe: Recipe, world: World
) -> bool:
    if kept is None or built is None or kept.reference != built:
        return False
    if not set(_wanted(step, recipe).platforms) <= kept.platforms.keys():
        return False
    with closing(opened(built, step.folder, world)) as blobs:
        return blobs.digest(str(built.tag)) == built.digest


def _proven(
    step: ProveImages, name: str, seen: dict[str, Contents], world: World
) -> tuple[Reference, Examined]:
    """With its bill of materials; KvxError for the first thing that is wrong with it."""
    built = image_building.built(step.folder).get(name)
    if built is None:
        raise KvxError(f"no {name} was built yet", "kvx images", ExitCode.MISSING)
    found = examined(built, _wanted(step, recipe_of(name)), world, step.folder, seen)
    if found.findings:
        first = found.findings[0]
        more = f"; and {len(found.findings) - 1} more" if found.findings[1:] else ""
        raise KvxError(f"{built} must not roll out: {first.words}{more}", first.fix)
    with closing(opened(built, step.folder, world)) as blobs:
        return built, replace(found, images=image_bills.attached(blobs, name, found.images))


def _lines(name: str, found: Examined) -> Iterator[str]:
    for platform, image in sorted(found.images.items()):
        counts = f"{len(image.contents.programs)} programs, {len(image.contents.packages)} packages"
        size = f"{image.manifest.size_bytes / 1e6:.1f} MB"
        yield f"{name}, {platform}: {size}, {counts} in its bill of materials"


def _wanted(step: ProveImages, recipe: Recipe) -> Wanted:
    platforms = tuple(platform_of(each) for each in step.wanted.platforms)
    return Wanted(platforms, step.wanted.largest_bytes, serves=recipe.serves)

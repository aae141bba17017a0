"""Builds the images of the sources as they are, and pushes them under the revision of git."""

import json
import secrets
from collections.abc import Iterator, Mapping
from contextlib import closing
from dataclasses import replace
from pathlib import Path

from kvx.drivers import buildx, cluster_builder
from kvx.drivers.blobs import layout_folder, opened
from kvx.drivers.builders import usable
from kvx.drivers.buildx import Build, BuildFailedError
from kvx.drivers.files import replace_file
from kvx.drivers.registry import Registry
from kvx.drivers.sources import Sources, sources_of
from kvx.errors import ExitCode, KvxError
from kvx.images.cluster_builder import WORD as IN_CLUSTER
from kvx.images.recipes import recipe_of
from kvx.images.reference import DIGEST, LOCAL, Reference, parse_reference
from kvx.images.tag import tag_of
from kvx.steps.images import BAKE_FILE, BuildImages
from kvx.world import Outcome, World

CACHE_TAG = "cache"
DIGEST_KEY = "containerimage.digest"


def built_file(folder: Path) -> Path:
    """What the last build made, for the proof that follows: by name, each with tag and digest."""
    return folder / "images" / "built.json"


def is_done(step: BuildImages, world: World) -> bool:
    """Whether the sources as they are were pushed, and each tag still means what was pushed."""
    last = built(step.folder)
    return all(_is_built(step, name, last.get(name), world) for name in step.wanted.names)


def perform(step: BuildImages, world: World) -> Outcome:
    """One after the other: what the first is made of is the beginning of the next."""
    end = world.monotonic() + step.deadline_seconds
    wanted = {name: _sources(step, name, world) for name in step.wanted.names}
    places = {name: _reference(step, name, sources) for name, sources in wanted.items()}
    for place in places.values():
        _refuse_closed_registry(place, world)  # told before minutes of work
    pushed = {}
    for name, place in places.items():
        pushed[name] = _made(step, name, wanted[name], place, world, end=end)
    keep_built(step.folder, pushed)
    names = {name: str(each) for name, each in pushed.items()}
    done = "built" if step.wanted.repository == LOCAL else "pushed"
    return Outcome(True, tuple(f"{done} {each}" for each in names.values()), {"images": names})


def built(folder: Path) -> Mapping[str, Reference]:
    """What the last build made, by name; empty before there was one."""
    try:
        rows = json.loads(built_file(folder).read_text())["images"]
        return {str(name): parse_reference(reference) for name, reference in rows.items()}
    except (FileNotFoundError, ValueError, KeyError, TypeError, AttributeError, KvxError):
        return {}


def keep_built(folder: Path, images: Mapping[str, Reference]) -> None:
    """In the place of what was built before: an image of another revision is not of this build."""
    rows = {name: str(each) for name, each in images.items()}
    replace_file(built_file(folder), json.dumps({"images": rows}) + "\n")


def _is_built(step: BuildImages, name: str, last: Reference | None, world: World) -> bool:
    if last is None:
        return False
    sources = sources_of(step.source, recipe_of(name).made_of, world)
    if str(last).partition("@")[0] != str(_reference(step, name, sources)):
        return False
    with closing(opened(last, step.folder, world)) as blobs:
        found = blobs.digest(str(last.tag))
    if found not in (last.digest, None):
        raise _moved(last, found, built_file(step.folder))
    return found is not None


def _sources(step: BuildImages, name: str, world: World) -> Sources:
    """KvxError with exit code 2 for a change that nobody could build again."""
    sources = sources_of(step.source, recipe_of(name).made_of, world)
    if sources.change and not step.wanted.allow_dirty:
        message = f"the sources of {name} were changed since the last commit, so nobody could build it again"
        raise KvxError(message, "git commit; or allow it with images.allow_dirty = true", ExitCode.USAGE)
    return sources


def _made(
    step: BuildImages, name: str, sources: Sources, place: Reference, world: World, *, end: float
) -> Reference:
    """One image with its digest, which is then where it belongs."""
    metadata = built_file(step.folder).with_name(f"metadata-{secrets.token_hex(4)}.json")
    build = Build(
        (*_flags(step, name, metadata), name),
        dict(_variables(step, sources, str(place.tag))),
        step.source,
        built_file(step.folder).with_name(f"build-{name}.log"),
        _builder(step, world),
    )
    try:
        buildx.run(build, end, world)
        return replace(place, digest=_digest(metadata, name))
    except BuildFailedError:
        _refuse_closed_registry(place, world)  # it may be what failed
        raise
    finally:
        metadata.unlink(missing_ok=True)


def _builder(step: BuildImages, world: World) -> str | None:
    if step.wanted.builder == IN_CLUSTER:
        return cluster_builder.made(step, world)
    return usable(step.wanted.builder, world)


def _refuse_closed_registry(reference: Reference, world: World) -> None:
    """KvxError where the registry is down, full, or lets this login write nothing."""
    if reference.is_local:
        return
    with closing(Registry(reference, world)) as registry:
        registry.check_writing()


def _moved(last: Reference, found: str, file: Path) -> KvxError:
    message = f"{last} was moved: the tag {last.tag} means {found} now"
    fix = f"find out who pushed it; rm {file} lets kvx images make it anew"
    return KvxError(message, fix, ExitCode.INCOMPLETE)


def _reference(step: BuildImages, name: str, sources: Sources) -> Reference:
    tag = tag_of(sources.revision, sources.change)
    return parse_reference(f"{step.wanted.repository}/{name}:{tag}")


def _flags(step: BuildImages, name: str, metadata: Path) -> Iterator[str]:
    yield from (f"--file={BAKE_FILE}", "--progress=rawjson", f"--metadata-file={metadata}")
    yield from ("--provenance=mode=max", *_output(step, name), *_cache(step, name))
    secret_files = {"pip": step.wanted.pip_file, "certificates": step.wanted.certificates}
    for secret, file in secret_files.items():
        if file is not None:
            yield f"--set=*.secrets+=id={secret},src={file}"
            yield f"--allow=fs.read={file.parent}"


def _output(step: BuildImages, name: str) -> tuple[str, ...]:
    """To the registry; without one into a folder, in the same form. Not of what it is made of."""
    if step.wanted.repository != LOCAL:
        return (f"--set={name}.output=type=registry,oci-mediatypes=true",)
    layout = layout_folder(step.folder).resolve()
    layout.mkdir(parents=True, exist_ok=True)
    return (f"--set={name}.output=type=oci,dest={layout},tar=false", f"--allow=fs.write={layout}")


def _cache(step: BuildImages, name: str) -> tuple[str, ...]:
    """Under a tag beside those of the revisions; a registry that cannot keep it is no reason to fail."""
    if not step.wanted.cache or step.wanted.repository == LOCAL:
        return ()
    place = f"type=registry,ref={step.wanted.repository}/{name}:{CACHE_TAG}"
    kept = f"{place},mode=min,image-manifest=true,oci-mediatypes=true,ignore-error=true"
    return (f"--set={name}.cache-from={place}", f"--set={name}.cache-to={kept}")


def _variables(step: BuildImages, sources: Sources, tag: str) -> Iterator[tuple[str, str]]:
    wanted = step.wanted
    yield "PLATFORMS", ",".join(wanted.platforms)
    yield "REPOSITORY", wanted.repository
    yield "TAG", tag
    yield "PACKAGES", wanted.packages
    yield "REVISION", sources.revision
    yield "SOURCE", sources.address or "unknown"
    yield "SOURCE_DATE_EPOCH", sources.time
    yield "VERSION", tag
    if wanted.base:
        yield "BASE", wanted.base
    if wanted.builder_image:
        yield "BUILDER", wanted.builder_image


def _digest(metadata: Path, name: str) -> str:
    found = json.loads(metadata.read_text()).get(name, {}).get(DIGEST_KEY, "")
    if not DIGEST.fullmatch(found):
        raise KvxError("buildx does not tell which image it pushed", "update buildx to 0.17 or newer")
    return str(found)

"""Builds the images of the sources as they are, and pushes them under the revision of git."""

import json
import secrets
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

from kvx.drivers import buildx
from kvx.drivers.blobs import layout_folder, opened
from kvx.drivers.builders import usable
from kvx.drivers.buildx import Build, BuildFailedError
from kvx.drivers.files import replace_file
from kvx.drivers.registry import Registry
from kvx.drivers.sources import Sources, sources_of
from kvx.errors import ExitCode, KvxError
from kvx.images.reference import DIGEST, LOCAL, Reference, parse_reference
from kvx.images.tag import tag_of
from kvx.steps.images import BAKE_FILE, BuildImages
from kvx.world import Outcome, World

NAME = "voice-api"
DIGEST_KEY = "containerimage.digest"


def built_file(folder: Path) -> Path:
    """What the last build pushed, for the proof that follows: a name with tag and digest."""
    return folder / "images" / "built.json"


def is_done(step: BuildImages, world: World) -> bool:
    """Whether the sources as they are were pushed, and their tag still means what was pushed."""
    last = built(step.folder)
    if last is None or str(last).partition("@")[0] != str(_reference(step, sources_of(step.source, world))):
        return False
    with closing(opened(last, step.folder, world)) as blobs:
        found = blobs.digest(str(last.tag))
    if found not in (last.digest, None):
        raise _moved(last, found, built_file(step.folder))
    return found is not None


def perform(step: BuildImages, world: World) -> Outcome:
    sources = sources_of(step.source, world)
    if sources.change and not step.wanted.allow_dirty:
        message = (
            "the sources of the image were changed since the last commit, so nobody could build it again"
        )
        raise KvxError(message, "git commit; or allow it with images.allow_dirty = true", ExitCode.USAGE)
    reference = _reference(step, sources)
    _refuse_closed_registry(reference, world)  # told before minutes of work
    metadata = built_file(step.folder).with_name(f"metadata-{secrets.token_hex(4)}.json")
    build = Build(
        tuple(_flags(step, metadata)),
        dict(_variables(step, sources, str(reference.tag))),
        step.source,
        built_file(step.folder).with_name("build.log"),
        usable(step.wanted.builder, world),
    )
    try:
        buildx.run(build, step.deadline_seconds, world)
        digest = _digest(metadata)
    except BuildFailedError:
        _refuse_closed_registry(reference, world)  # it may be what failed
        raise
    finally:
        metadata.unlink(missing_ok=True)
    pushed = Reference(reference.registry, reference.repository, reference.tag, digest)
    replace_file(built_file(step.folder), json.dumps({"reference": str(pushed)}) + "\n")
    return Outcome(changed=True, lines=(f"pushed {pushed}",), data={"image": str(pushed)})


def built(folder: Path) -> Reference | None:
    """What the last build pushed; None before there was one."""
    try:
        return parse_reference(json.loads(built_file(folder).read_text())["reference"])
    except (FileNotFoundError, ValueError, KeyError, TypeError, KvxError):
        return None


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


def _reference(step: BuildImages, sources: Sources) -> Reference:
    tag = tag_of(sources.revision, sources.change)
    return parse_reference(f"{step.wanted.repository}/{NAME}:{tag}")


def _flags(step: BuildImages, metadata: Path) -> Iterator[str]:
    yield from (f"--file={BAKE_FILE}", "--progress=rawjson", f"--metadata-file={metadata}")
    yield from ("--provenance=mode=max", *_output(step))
    secret_files = {"pip": step.wanted.pip_file, "certificates": step.wanted.certificates}
    for name, file in secret_files.items():
        if file is not None:
            yield f"--set=*.secrets+=id={name},src={file}"
            yield f"--allow=fs.read={file.parent}"


def _output(step: BuildImages) -> tuple[str, ...]:
    """To the registry; without one into a folder, in the same form."""
    if step.wanted.repository != LOCAL:
        return ("--set=*.output=type=registry,oci-mediatypes=true",)
    layout = layout_folder(step.folder).resolve()
    layout.mkdir(parents=True, exist_ok=True)
    return (f"--set=*.output=type=oci,dest={layout},tar=false", f"--allow=fs.write={layout}")


def _variables(step: BuildImages, sources: Sources, tag: str) -> Iterator[tuple[str, str]]:
    wanted = step.wanted
    yield "PLATFORMS", ",".join(wanted.platforms)
    yield "REPOSITORY", f"{wanted.repository}/{NAME}"
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


def _digest(metadata: Path) -> str:
    found = json.loads(metadata.read_text()).get(NAME, {}).get(DIGEST_KEY, "")
    if not DIGEST.fullmatch(found):
        raise KvxError("buildx does not tell which image it pushed", "update buildx to 0.17 or newer")
    return str(found)

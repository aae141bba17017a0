"""What building and bringing images needs: buildx, a builder, how it builds, the sources, the registry."""

from collections.abc import Iterator
from contextlib import closing
from typing import TYPE_CHECKING

from kvx.commands.check import Check
from kvx.errors import KvxError
from kvx.images.builders import ALONE
from kvx.images.cluster_builder import NAME as CLUSTER_BUILDER
from kvx.images.cluster_builder import NAMESPACE
from kvx.images.cluster_builder import WORD as IN_CLUSTER
from kvx.images.recipes import recipe_of
from kvx.images.reference import LOCAL, parse_reference
from kvx.steps.images import BuildImages, CheckImages, ImagesWanted

if TYPE_CHECKING:
    from kvx.images.builders import Builder

MAKE = "docker buildx create --name=kvx --driver=docker-container --use --bootstrap"
EMULATE = "docker run --privileged --rm tonistiigi/binfmt --install {}; or apt install qemu-user-static"


def of_building(step: BuildImages) -> Iterator[Check]:
    """Everything that a build would stumble over."""
    yield _sources(step)
    yield from _builders(step.wanted)
    yield _registry(step)


def of_checking(step: CheckImages) -> Iterator[Check]:
    """Whether there are images that the cluster can pull."""
    from kvx.drivers import image_checking
    from kvx.world import real_world

    try:
        if image_checking.is_done(step, real_world()):
            yield Check("images", "ok", f"the cluster can pull {' and '.join(step.names)}")
            return
        image_checking.perform(step, real_world())
    except KvxError as error:
        yield Check("images", "missing", error.message, error.fix)


def _sources(step: BuildImages) -> Check:
    from kvx.drivers.sources import sources_of
    from kvx.world import real_world

    made_of = {folder for name in step.wanted.names for folder in recipe_of(name).made_of}
    try:
        found = sources_of(step.source, sorted(made_of), real_world())
    except KvxError as error:
        return Check("sources", "missing", error.message, error.fix)
    if found.change and not step.wanted.allow_dirty:
        words = "what goes into the images was changed since the last commit"
        return Check("sources", "missing", words, "git commit; or allow it with images.allow_dirty = true")
    return Check("sources", "ok", f"revision {found.revision[:12]}{' and changes' if found.change else ''}")


def _builders(wanted: ImagesWanted) -> Iterator[Check]:
    from kvx.drivers import builders
    from kvx.world import real_world

    try:
        known = builders.builders(real_world())
    except KvxError as error:
        yield Check("buildx", "missing", error.message, error.fix)
        return
    names = ", ".join(f"{each.name} ({_state(each)})" for each in known) or "none"
    yield Check("buildx", "ok", f"it knows the builders {names}")
    in_cluster = wanted.builder == IN_CLUSTER
    builder = builders.chosen(CLUSTER_BUILDER if in_cluster else wanted.builder, known)
    if builder is None and (wanted.builder or "").startswith(builders.SSH):
        yield Check("builder", "later", f"{wanted.builder} becomes a builder with the first build")
    elif builder is None and in_cluster:
        words = f"a rootless pod in the namespace {NAMESPACE} becomes the builder with the first build"
        yield Check("builder", "later", words)
    elif builder is None:
        yield Check("builder", "missing", f"buildx knows no builder {wanted.builder or ''}".strip(), MAKE)
    else:
        yield _builder(builder)
        if builder.is_running:
            yield from _platforms(builder, wanted)


def _builder(builder: "Builder") -> Check:
    if builder.error:
        return Check("builder", "missing", f"{builder.name} does not answer: {builder.error}", MAKE)
    if builder.driver == ALONE:
        words = f"{builder.name} is Docker itself, which builds for one platform and attests nothing"
        return Check("builder", "missing", words, MAKE)
    if not builder.is_running:
        return Check("builder", "later", f"{builder.name} is started with the first build")
    versions = " and ".join(f"{each.endpoint or each.name} {each.version}" for each in builder.machines)
    return Check("builder", "ok", f"{builder.name}: {versions}")


def _platforms(builder: "Builder", wanted: ImagesWanted) -> Iterator[Check]:
    """Where nothing of the target's processor is run, none of it matters; where pip is, it is minutes."""
    for platform in wanted.platforms:
        how, name = builder.how(platform), f"build {platform}"
        if how == "native":
            yield Check(name, "ok", "natively")
        elif wanted.packages == "native":
            yield Check(name, "ok", "without emulation: nothing of that processor is run")
        elif how:
            yield Check(
                name, "slow", "its pip is emulated, which takes minutes", "images.builder = ssh://..."
            )
        else:
            words = f"{builder.name} cannot run programs of {platform}, and packages is emulated"
            yield Check(name, "missing", words, EMULATE.format(platform.rpartition("/")[2]))


def _registry(step: BuildImages) -> Check:
    from kvx.drivers.registry import Registry
    from kvx.world import real_world

    if step.wanted.repository == LOCAL:
        return Check("registry", "ok", f"none: images lie in {step.folder}, and go onto the nodes by SSH")
    try:
        for name in step.wanted.names:
            place = parse_reference(f"{step.wanted.repository}/{name}")
            with closing(Registry(place, real_world())) as registry:
                registry.check_writing()
    except KvxError as error:
        return Check("registry", "missing", error.message, error.fix)
    return Check("registry", "ok", f"{step.wanted.repository} answers and may be written to")


def _state(builder: "Builder") -> str:
    if builder.error:
        return "does not answer"
    platforms = dict.fromkeys(each.platforms[0] for each in builder.machines if each.platforms)
    return ", ".join(platforms) or "not started"

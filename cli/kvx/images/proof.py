"""What must hold of an image before anything rolls out, and what does not."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from kvx.images.attested import Attested, disagreements
from kvx.images.documents import Configuration, Index, Manifest, Platform
from kvx.images.layers import Contents

LABELS = tuple(f"org.opencontainers.image.{name}" for name in ("revision", "source", "licenses", "version"))
REVISION = LABELS[0]
NAMES = {"provenance": "provenance", "bill": "bill of materials"}
MEGABYTE = 1_000_000
SHOWN = 3
"""So many files are named where there are more of a kind."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What an image is held to."""

    platforms: tuple[Platform, ...]
    largest_bytes: int
    revision: str | None = None
    labels: tuple[str, ...] = LABELS
    attested: tuple[str, ...] = ()
    """What must have been attached: provenance, bill. What is there must be right in any case."""
    serves: bool = True
    """Whether it answers, and so must tell its health."""


@dataclass(frozen=True, slots=True)
class Image:
    """One platform's image as the registry holds it, looked into to the last file."""

    digest: str
    manifest: Manifest
    configuration: Configuration
    contents: Contents
    attested: Attested = field(default_factory=Attested)


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that must not be; `kind` is stable, for programs."""

    kind: str
    words: str
    fix: str
    platform: Platform | None = None


@dataclass(frozen=True, slots=True)
class Examined:
    """An image of several platforms, and everything that is wrong with it."""

    digest: str
    images: Mapping[Platform, Image] = field(default_factory=dict)
    findings: tuple[Finding, ...] = ()


def examine(digest: str, index: Index | None, images: Mapping[Platform, Image], wanted: Wanted) -> Examined:
    """Hold an image to what is wanted of it; `images` are those of the platforms that were looked into."""
    found = [*_platforms(index, wanted)]
    for platform, image in images.items():
        found += _one(platform, image, wanted)
    return Examined(digest, images, tuple(found))


def _platforms(index: Index | None, wanted: Wanted) -> Iterator[Finding]:
    if index is None:
        words = "it is the image of a single platform, and no index of several"
        yield Finding("no_index", words, _build(wanted.platforms))
        return
    for platform in wanted.platforms:
        if platform not in index.images:
            there = ", ".join(map(str, sorted(index.images))) or "nothing"
            words = f"the index has {there} and lacks {platform}"
            yield Finding("platform_missing", words, _build(wanted.platforms), platform)


def _one(platform: Platform, image: Image, wanted: Wanted) -> Iterator[Finding]:
    configuration = image.configuration
    if configuration.platform != platform:
        words = f"what the index calls {platform} says of itself that it is {configuration.platform}"
        yield Finding("platform_mislabelled", words, _build((platform,)), platform)
    yield from _programs(platform, image.contents)
    if _is_root(configuration.user):
        words = f"{platform} runs as {configuration.user or 'root'}, by a name or number that may be root"
        yield Finding("runs_as_root", words, "end its Dockerfile with USER 65532:65532", platform)
    if wanted.serves and not configuration.has_health_check:
        words = f"{platform} has no health check"
        yield Finding("no_health_check", words, "give its Dockerfile a HEALTHCHECK", platform)
    yield from _size(platform, image.manifest, wanted)
    yield from _labels(platform, configuration, wanted)
    yield from _files(platform, image.contents)
    yield from _attested(platform, image, wanted)


def _programs(platform: Platform, contents: Contents) -> Iterator[Finding]:
    foreign = [each for each in contents.programs if each.architecture != platform.architecture]
    if foreign:
        names = _some([f"{each.path} ({each.architecture})" for each in foreign])
        words = f"{platform} holds programs of another processor: {names}"
        yield Finding("foreign_program", words, _build((platform,)), platform)
    if not contents.programs:
        words = f"{platform} holds no program at all"
        yield Finding("no_program", words, _build((platform,)), platform)


def _is_root(user: str) -> bool:
    """Kubernetes can only tell a number from root: with a name it refuses runAsNonRoot."""
    number = user.partition(":")[0]
    return not number.isdecimal() or int(number) == 0


def _size(platform: Platform, manifest: Manifest, wanted: Wanted) -> Iterator[Finding]:
    if manifest.size_bytes > wanted.largest_bytes:
        megabytes, most = manifest.size_bytes / MEGABYTE, wanted.largest_bytes / MEGABYTE
        words = f"{platform} is {megabytes:.1f} MB compressed, and may be {most:.0f} MB"
        yield Finding("too_large", words, "leave something out, or allow it with --largest", platform)


def _labels(platform: Platform, configuration: Configuration, wanted: Wanted) -> Iterator[Finding]:
    missing = [name for name in wanted.labels if not configuration.labels.get(name)]
    if missing:
        words = f"{platform} lacks the labels {', '.join(missing)}"
        yield Finding("label_missing", words, "build it with kvx images build", platform)
    revision = configuration.labels.get(REVISION)
    if wanted.revision and revision and revision != wanted.revision:
        words = f"{platform} was built from {revision} and not from {wanted.revision}"
        yield Finding("another_revision", words, "build and push the image again", platform)


def _files(platform: Platform, contents: Contents) -> Iterator[Finding]:
    if contents.secrets:
        words = f"{platform} holds what looks like a secret: {_some(contents.secrets)}"
        fix = "keep it out of the build, build again, and replace the secret: whoever pulled it has it"
        yield Finding("secret", words, fix, platform)
    if contents.set_identity:
        words = f"{platform} holds programs that change their user: {_some(contents.set_identity)}"
        yield Finding("set_identity", words, "leave them out, or choose another base image", platform)


def _attested(platform: Platform, image: Image, wanted: Wanted) -> Iterator[Finding]:
    for kind in wanted.attested:
        if kind not in image.attested.kinds:
            words = f"{platform} lacks its {NAMES[kind]}"
            yield Finding(f"{kind}_missing", words, "build and push it with kvx images", platform)
    labels, packages = image.configuration.labels, image.contents.packages
    for wrong in disagreements(image.attested, image.digest, labels, packages):
        yield Finding(wrong.kind, f"{platform}: {wrong.words}", "build and push it with kvx images", platform)


def _some(names: "list[str] | tuple[str, ...]") -> str:
    more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    return ", ".join(names[:SHOWN]) + more


def _build(platforms: tuple[Platform, ...]) -> str:
    names = ",".join(map(str, platforms))
    return f"docker buildx bake -f docker/docker-bake.hcl --set '*.platform={names}' --push"

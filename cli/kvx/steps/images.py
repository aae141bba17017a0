"""Steps of the images phase: built and pushed, and proven before anything may use them."""

from dataclasses import dataclass, field
from pathlib import Path

from kvx.images.recipes import VOICE_API
from kvx.images.reference import LOCAL
from kvx.steps.manifests import Where

BAKE_FILE = "docker/docker-bake.hcl"


@dataclass(frozen=True, slots=True)
class ImagesWanted:
    """What is to be built, and where it goes; None leaves the value to docker/docker-bake.hcl or to buildx.

    repository   such as registry.example.com/acme: an image is REPOSITORY/NAME; or kvx.invalid
    names        which of kvx.images.recipes
    base         what the image stands on; builder_image what it is built with
    builder      one of `docker buildx ls`, an address ssh://USER@HOST, or kubernetes
    builder_pod_image   BuildKit for the builder in the cluster
    cache        whether what a build remembers is kept in the registry too
    pip_file, certificates   the package index and the certificates the build uses, which reach no layer
    """

    repository: str
    platforms: tuple[str, ...]
    largest_bytes: int
    names: tuple[str, ...] = (VOICE_API.name,)
    base: str | None = None
    builder_image: str | None = None
    builder: str | None = None
    builder_pod_image: str | None = None
    packages: str = "native"
    cache: bool = False
    allow_dirty: bool = False
    pip_file: Path | None = None
    certificates: Path | None = None


@dataclass(frozen=True, slots=True)
class BuildImages:
    """Build the sources as they are, and push them under the revision of git they are of.

    `where` is the cluster that a builder in the cluster is made in.
    """

    folder: Path
    source: Path
    wanted: ImagesWanted
    deadline_seconds: float = 3600
    where: Where = field(default_factory=Where)

    @property
    def words(self) -> str:
        rest = "" if self.wanted.repository == LOCAL else ", and push them"
        wanted = self.wanted
        return f"build {' and '.join(wanted.names)} for {' and '.join(wanted.platforms)}{rest}"

    @property
    def command(self) -> tuple[str, ...]:
        out = "--set=*.output=type=oci" if self.wanted.repository == LOCAL else "--push"
        return ("docker", "buildx", "bake", f"--file={BAKE_FILE}", out, *self.wanted.names)


@dataclass(frozen=True, slots=True)
class ProveImages:
    """Look into the images where they lie now, and keep the digests of those that may roll out."""

    folder: Path
    wanted: ImagesWanted
    deadline_seconds: float = 900
    keep: bool = True

    @property
    def words(self) -> str:
        return "prove that the images are what the nodes need"

    @property
    def command(self) -> tuple[str, ...]:
        flags = [f"--platform={platform}" for platform in self.wanted.platforms]
        keep = ["--keep"] if self.keep else []
        names = [f"{self.wanted.repository}/{name}:TAG" for name in self.wanted.names]
        return ("kvx", "images", "verify", *names, *flags, *keep)


@dataclass(frozen=True, slots=True)
class PushImages:
    """Bring what was built into a folder here to the registry; the tag comes last."""

    folder: Path
    repository: str
    deadline_seconds: float = 3600

    @property
    def words(self) -> str:
        return f"push what was built to {self.repository}"

    @property
    def command(self) -> tuple[str, ...]:
        return ("kvx", "images", "push")


@dataclass(frozen=True, slots=True)
class LoadImages:
    """Bring the images that are kept, and in no registry, onto every node of the inventory."""

    folder: Path
    key: Path
    deadline_seconds: float = 3600

    @property
    def words(self) -> str:
        return "load the images onto every node that lacks them"

    @property
    def command(self) -> tuple[str, ...]:
        return ("ssh", "NODE", "k3s", "ctr", "images", "import", "-")


@dataclass(frozen=True, slots=True)
class CheckImages:
    """Be sure that images are kept which the cluster can pull: without a repository nothing is built."""

    folder: Path
    names: tuple[str, ...] = (VOICE_API.name,)
    deadline_seconds: float = 60

    @property
    def words(self) -> str:
        are = "are" if self.names[1:] else "is"
        return f"see that {' and '.join(self.names)} {are} kept where the cluster can pull from"

    @property
    def command(self) -> tuple[str, ...]:
        return ("kvx", "images", "verify")


ImageStep = BuildImages | ProveImages | PushImages | LoadImages | CheckImages

"""A clone with images of a few bytes, which is built by the same words as kvx's own."""

import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path

from made import elf

BAKE = """
variable "PLATFORMS" { default = "" }
variable "REPOSITORY" { default = "" }
variable "TAG" { default = "" }
variable "VERSION" { default = "" }
variable "REVISION" { default = "" }
variable "SOURCE" { default = "" }
variable "SOURCE_DATE_EPOCH" { default = "0" }
group "default" { targets = ["voice-api"] }
target "voice-api" {
  context    = "docker"
  platforms  = split(",", PLATFORMS)
  tags       = ["${REPOSITORY}/voice-api:${TAG}"]
  args = { VERSION = VERSION, REVISION = REVISION, SOURCE = SOURCE, SOURCE_DATE_EPOCH = SOURCE_DATE_EPOCH }
}
"""

# How each image ends: who runs it, how it is, and what it says of itself.
ENDING = """USER 65532:65532
HEALTHCHECK CMD ["/usr/bin/program"]
ARG VERSION
ARG REVISION
ARG SOURCE
LABEL org.opencontainers.image.licenses="Apache-2.0" org.opencontainers.image.version="${VERSION}" \\
      org.opencontainers.image.revision="${REVISION}" org.opencontainers.image.source="${SOURCE}"
"""

# A program runs on the way, and what it wrote is all that comes of it.
WORKING = (
    """FROM --platform=${BUILDPLATFORM} scratch AS worked
COPY busybox /busybox
RUN ["/busybox", "sh", "-c", "/busybox id -u >/worked"]
FROM scratch
ARG TARGETARCH
COPY program-${TARGETARCH} /usr/bin/program
COPY --from=worked /worked /opt/worked
COPY service /opt/service
"""
    + ENDING
)
BUILDER_POD = Path(__file__).parents[1] / "components" / "builder-pod" / "build"


def written(folder: Path, bake: str, dockerfile: str, files: Mapping[str, str]) -> Path:
    """These files in its folder docker, and a program for each processor; nothing is committed yet."""
    place = folder / "docker"
    place.mkdir(parents=True)
    for name, content in {"docker-bake.hcl": bake, "Dockerfile": dockerfile, **files}.items():
        (place / name).write_text(content)
    for architecture in ("amd64", "arm64"):
        (place / f"program-{architecture}").write_bytes(elf(architecture))
    _git(folder, "init", "--quiet")
    return folder


def working(folder: Path) -> tuple[Path, Path]:
    """One with a step that runs a program, committed; and the archive of a BuildKit for pods."""
    told = subprocess.run([BUILDER_POD], check=True, capture_output=True, text=True, timeout=900)
    archive = Path(told.stdout.strip())
    written(folder, BAKE, WORKING, {})
    shutil.copy2(archive.with_name("busybox"), folder / "docker" / "busybox")
    commit(folder, "one")
    return folder, archive


def commit(folder: Path, content: str) -> None:
    (folder / "docker" / "service").write_text(content)
    _git(folder, "add", ".")
    _git(folder, "-c", "user.name=a", "-c", "user.email=a@example.com", "commit", "--quiet", "-m", content)


def _git(folder: Path, *words: str) -> None:
    subprocess.run(["git", "-C", folder, *words], check=True, capture_output=True, timeout=60)

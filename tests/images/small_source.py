"""A clone with images of a few bytes, which is built by the same words as kvx's own."""

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


def commit(folder: Path, content: str) -> None:
    (folder / "docker" / "service").write_text(content)
    _git(folder, "add", ".")
    _git(folder, "-c", "user.name=a", "-c", "user.email=a@example.com", "commit", "--quiet", "-m", content)


def _git(folder: Path, *words: str) -> None:
    subprocess.run(["git", "-C", folder, *words], check=True, capture_output=True, timeout=60)

"""Versions of the images that a workload runs."""

from collections.abc import Mapping
from typing import Any

from voice_api.commands.executing.objects import Object


def images_with(workload: Object, version: str) -> list[dict[str, str]] | str:
    """The containers with their images in this version, or why it is not said by a version alone."""
    containers = _containers(workload)
    if len({_parts(each["image"])[0] for each in containers}) != 1:
        return "runs several images: a version alone does not say which one to change"
    return [{"name": each["name"], "image": f"{_parts(each['image'])[0]}:{version}"} for each in containers]


def only_version(workload: Object) -> str:
    """The version that all its containers run; nothing where there is none, or more, or a digest as well."""
    if any("@" in each["image"] for each in _containers(workload)):
        return ""
    versions = {_parts(each["image"])[1] for each in _containers(workload)}
    return versions.pop() if len(versions) == 1 else ""


def _containers(workload: Object) -> list[Mapping[str, Any]]:
    return list(workload["spec"]["template"]["spec"]["containers"])


def _parts(image: str) -> tuple[str, str]:
    """An image without its version and digest, and its version: a colon before a slash is a port."""
    plain = image.partition("@")[0]
    name, colon, version = plain.rpartition(":")
    return (name, version) if colon and "/" not in version else (plain, "")

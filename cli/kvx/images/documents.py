"""The JSON documents of an image as values: index, manifest and configuration.

They follow the OCI image specification 1.1, and Docker's schema 2, which has the same keys.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from kvx.errors import KvxError

INDEXES = (
    "application/vnd.oci.image.index.v1+json",
    "application/vnd.docker.distribution.manifest.list.v2+json",
)
MANIFESTS = (
    "application/vnd.oci.image.manifest.v1+json",
    "application/vnd.docker.distribution.manifest.v2+json",
)
CONFIGURATIONS = (
    "application/vnd.oci.image.config.v1+json",
    "application/vnd.docker.container.image.v1+json",
)
ATTESTATION = "attestation-manifest"


@dataclass(frozen=True, slots=True, order=True)
class Platform:
    """An operating system on a processor."""

    system: str
    architecture: str

    def __str__(self) -> str:
        return f"{self.system}/{self.architecture}"


@dataclass(frozen=True, slots=True)
class Descriptor:
    """Points at a document or a layer."""

    media_type: str
    digest: str
    size_bytes: int
    platform: Platform | None = None
    annotations: Mapping[str, str] = field(default_factory=dict)
    artifact_type: str = ""

    @property
    def document(self) -> dict[str, object]:
        """As it stands in an index."""
        plain: dict[str, object] = {
            "mediaType": self.media_type,
            "digest": self.digest,
            "size": self.size_bytes,
        }
        if self.platform:
            plain["platform"] = {"os": self.platform.system, "architecture": self.platform.architecture}
        if self.annotations:
            plain["annotations"] = dict(self.annotations)
        return {**plain, "artifactType": self.artifact_type} if self.artifact_type else plain

    @property
    def is_attestation(self) -> bool:
        return self.annotations.get("vnd.docker.reference.type") == ATTESTATION


@dataclass(frozen=True, slots=True)
class Index:
    """One image for several platforms."""

    manifests: tuple[Descriptor, ...]

    @property
    def images(self) -> Mapping[Platform, Descriptor]:
        """The image for each platform; what BuildKit adds as an attestation is none."""
        return {each.platform: each for each in self.manifests if each.platform and not each.is_attestation}

    def attestation_of(self, digest: str) -> Descriptor | None:
        """What BuildKit attests of the image of that digest, itself a manifest."""
        name = "vnd.docker.reference.digest"
        ours = (
            each for each in self.manifests if each.is_attestation and each.annotations.get(name) == digest
        )
        return next(ours, None)


@dataclass(frozen=True, slots=True)
class Manifest:
    """The image for one platform."""

    config: Descriptor
    layers: tuple[Descriptor, ...]

    @property
    def size_bytes(self) -> int:
        """What a machine that has nothing of it fetches, compressed."""
        return self.config.size_bytes + sum(layer.size_bytes for layer in self.layers)


@dataclass(frozen=True, slots=True)
class Configuration:
    """What runs, as whom, and what the image says of itself."""

    platform: Platform
    user: str
    labels: Mapping[str, str]
    has_health_check: bool
    created: str = ""


def digest_of(content: bytes) -> str:
    """The name of a document."""
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


def read_index(content: bytes) -> Index | None:
    """The index; None where the document is the manifest of a single platform."""
    document = _document(content)
    if "manifests" not in document:
        return None
    return Index(tuple(_descriptor(each) for each in _rows(document, "manifests")))


def read_manifest(content: bytes) -> Manifest:
    document = _document(content)
    return Manifest(
        _descriptor(_mapping(document, "config")),
        tuple(_descriptor(each) for each in _rows(document, "layers")),
    )


def read_configuration(content: bytes) -> Configuration:
    document = _document(content)
    runs = _mapping(document, "config")
    labels = runs.get("Labels") or {}
    return Configuration(
        Platform(str(document.get("os", "")), str(document.get("architecture", ""))),
        str(runs.get("User") or ""),
        {str(name): str(value) for name, value in labels.items()},
        _checks_health(runs.get("Healthcheck")),
        str(document.get("created") or ""),
    )


def linked(content: bytes) -> list[str]:
    """The digests that a document leads to; none for what is no index and no manifest."""
    try:
        document = json.loads(content)
    except ValueError:
        return []
    if not isinstance(document, dict):
        return []
    rows = [*(document.get("manifests") or ()), document.get("config"), *(document.get("layers") or ())]
    return [str(row["digest"]) for row in rows if isinstance(row, dict) and "digest" in row]


def _checks_health(check: object) -> bool:
    words = check.get("Test") if isinstance(check, Mapping) else None
    return bool(words) and words != ["NONE"]


def _descriptor(row: Mapping[str, Any]) -> Descriptor:
    platform = row.get("platform")
    try:
        return Descriptor(
            str(row["mediaType"]),
            str(row["digest"]),
            int(row["size"]),
            Platform(str(platform["os"]), str(platform["architecture"])) if platform else None,
            dict(row.get("annotations") or {}),
            str(row.get("artifactType") or ""),
        )
    except (KeyError, TypeError, ValueError) as error:
        raise _damaged(f"a descriptor without {error}") from None


def _document(content: bytes) -> Mapping[str, Any]:
    try:
        document = json.loads(content)
    except ValueError:
        document = None
    if not isinstance(document, dict):
        raise _damaged("a document that is no JSON object")
    return document


def _mapping(document: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    value = document.get(name)
    if not isinstance(value, dict):
        raise _damaged(f"a document without {name}")
    return value


def _rows(document: Mapping[str, Any], name: str) -> list[Mapping[str, Any]]:
    value = document.get(name)
    if not isinstance(value, list) or not all(isinstance(each, dict) for each in value):
        raise _damaged(f"a document without a list {name}")
    return value


def _damaged(words: str) -> KvxError:
    return KvxError(f"the registry holds {words} where an image should be", "build and push the image again")

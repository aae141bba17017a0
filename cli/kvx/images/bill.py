"""The bill of materials of one image: which packages are in it, as CycloneDX 1.6 writes it.

https://cyclonedx.org/docs/1.6/json/. It has no time and no random number: from the same image the same bytes.
"""

import json
import uuid
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from kvx.images.documents import MANIFESTS, Descriptor, Platform, digest_of
from kvx.images.packages import Package

KIND = "application/vnd.cyclonedx+json"
EMPTY = b"{}"
EMPTY_KIND = "application/vnd.oci.empty.v1+json"
REVISION = "org.opencontainers.image.revision"
SOURCE = "org.opencontainers.image.source"
_SPACE = uuid.UUID("6ba7b811-9dad-11d1-80b4-00c04fd430c8")  # RFC 9562: names that are URLs


@dataclass(frozen=True, slots=True)
class Told:
    """What a bill says: of which image it is, where that is from, and what is in it."""

    digest: str
    revision: str
    source: str
    packages: frozenset[str]


def bill(
    name: str, digest: str, platform: Platform, labels: Mapping[str, str], packages: Iterable[Package]
) -> bytes:
    """The document for the image of that digest."""
    image = f"pkg:oci/{name}@{digest}?arch={platform.architecture}"
    named = {key: labels[key] for key in (REVISION, SOURCE) if labels.get(key)}
    document = {
        "$schema": "http://cyclonedx.org/schema/bom-1.6.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "serialNumber": f"urn:uuid:{uuid.uuid5(_SPACE, image)}",
        "version": 1,
        "metadata": {
            "tools": {"components": [{"type": "application", "name": "kvx"}]},
            "component": {
                "type": "container",
                "bom-ref": "image",
                "name": name,
                "version": labels.get("org.opencontainers.image.version", ""),
                "hashes": [{"alg": "SHA-256", "content": digest.removeprefix("sha256:")}],
                "purl": image,
                "properties": [{"name": key, "value": value} for key, value in named.items()],
            },
        },
        "components": [_component(each) for each in sorted(set(packages), key=lambda each: each.url)],
    }
    return json.dumps(document, indent=1).encode() + b"\n"


def read_bill(content: bytes) -> Told | None:
    """What a bill says; None for what is none."""
    try:
        document = json.loads(content)
        image = document["metadata"]["component"]
        said = {row["name"]: row["value"] for row in image.get("properties", ())}
        digests = [row["content"] for row in image["hashes"] if row["alg"] == "SHA-256"]
        packages = frozenset(str(row["purl"]) for row in document.get("components", ()))
        return Told(f"sha256:{digests[0]}", str(said.get(REVISION, "")), str(said.get(SOURCE, "")), packages)
    except (ValueError, KeyError, TypeError, IndexError, AttributeError):
        return None


def attachment(content: bytes, subject: Descriptor) -> tuple[Descriptor, bytes]:
    """The manifest that attaches a bill to an image, and what points at it."""
    document: dict[str, Any] = {
        "schemaVersion": 2,
        "mediaType": MANIFESTS[0],
        "artifactType": KIND,
        "config": Descriptor(EMPTY_KIND, digest_of(EMPTY), len(EMPTY)).document,
        "layers": [Descriptor(KIND, digest_of(content), len(content)).document],
        "subject": Descriptor(subject.media_type, subject.digest, subject.size_bytes).document,
    }
    manifest = json.dumps(document).encode()
    return Descriptor(MANIFESTS[0], digest_of(manifest), len(manifest), artifact_type=KIND), manifest


def _component(package: Package) -> dict[str, object]:
    plain: dict[str, object] = {
        "type": "library",
        "bom-ref": f"{package.url}#{package.path}",
        "name": package.name,
        "version": package.version,
        "purl": package.url,
        "evidence": {"occurrences": [{"location": package.path}]},
    }
    return {**plain, "licenses": [{"license": {"name": package.licence}}]} if package.licence else plain

"""`.kvx/<target>/images.json`: the images that were proven, by digest, for the phase that rolls them out."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from kvx.errors import ExitCode, KvxError
from kvx.images.attested import KINDS
from kvx.images.documents import Platform
from kvx.images.proof import REVISION, Examined
from kvx.images.reference import Reference, parse_reference

SCHEMA = "kvx/images/v1"
FIX = "kvx images verify REFERENCE --keep"


@dataclass(frozen=True, slots=True)
class Proven:
    """An image that may roll out; the manifests use `reference`, which has the digest of the index."""

    reference: Reference
    revision: str
    platforms: Mapping[Platform, str]
    attested: tuple[str, ...] = ()

    @property
    def pull_policy(self) -> str:
        return self.reference.pull_policy


def proven(reference: Reference, examined: Examined) -> Proven:
    """What is kept of an image that has no findings."""
    whole = Reference(reference.registry, reference.repository, reference.tag, examined.digest)
    revisions = {image.configuration.labels.get(REVISION, "") for image in examined.images.values()}
    platforms = {platform: image.digest for platform, image in examined.images.items()}
    attested = tuple(k for k in KINDS if all(k in image.attested.kinds for image in examined.images.values()))
    return Proven(whole, " ".join(sorted(revisions)), platforms, attested)


def name_of(reference: Reference) -> str:
    """What an image is called among those of a deployment: the last word of its repository."""
    return reference.repository.rpartition("/")[2]


def written(images: Mapping[str, Proven]) -> str:
    """The file's content."""
    rows = {
        name: {
            "reference": str(each.reference),
            "digest": each.reference.digest,
            "pull_policy": each.pull_policy,
            "revision": each.revision,
            "attested": list(each.attested),
            "platforms": {str(platform): digest for platform, digest in sorted(each.platforms.items())},
        }
        for name, each in sorted(images.items())
    }
    return json.dumps({"schema": SCHEMA, "images": rows}, indent=2) + "\n"


def read(content: str) -> Mapping[str, Proven]:
    """The images of a file; KvxError with exit code 4 for one that kvx did not write."""
    try:
        document = json.loads(content)
        rows = document["images"] if document["schema"] == SCHEMA else document[SCHEMA]
        return {str(name): _proven(row) for name, row in rows.items()}
    except (ValueError, KeyError, TypeError, AttributeError):
        message = "images.json is damaged, or of another version of kvx"
        raise KvxError(message, FIX, ExitCode.INCOMPLETE) from None


def _proven(row: Mapping[str, Any]) -> Proven:
    reference = parse_reference(row["reference"])
    if not reference.by_digest:
        raise ValueError(row["reference"])
    return Proven(
        reference,
        str(row["revision"]),
        {platform_of(n): str(d) for n, d in row["platforms"].items()},
        tuple(map(str, row.get("attested") or ())),
    )


def platform_of(text: str) -> Platform:
    """linux/arm64 as a value; KvxError with exit code 2 for anything of another form."""
    system, _, architecture = text.partition("/")
    if not system or not architecture or "/" in architecture:
        raise KvxError(f"{text} is no platform", "write it as linux/arm64", ExitCode.USAGE)
    return Platform(system, architecture)

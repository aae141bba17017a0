"""What was attached to an image, where a place of images has no list of it: an index under a tag of its own.

The scheme is that of the OCI distribution specification 1.1, "referrers tag schema".
"""

import json
from collections.abc import Iterable

from kvx.images.documents import INDEXES, Descriptor, read_index


def referrers_tag(digest: str) -> str:
    """The tag under which the index of what was attached to a manifest lies."""
    return digest.replace(":", "-", 1)


def listed(content: bytes) -> tuple[Descriptor, ...]:
    """The referrers that such an index names."""
    index = read_index(content)
    return index.manifests if index else ()


def with_referrer(before: Iterable[Descriptor], referrer: Descriptor) -> bytes:
    """The index with one more; it takes the place of another of its kind."""
    others = (each for each in before if each.artifact_type != referrer.artifact_type)
    manifests = sorted((*others, referrer), key=lambda each: each.digest)
    rows = [each.document for each in manifests]
    return json.dumps({"schemaVersion": 2, "mediaType": INDEXES[0], "manifests": rows}).encode()

"""Makes the bill of materials of each platform's image from what is in its layers, and attaches it there."""

from collections.abc import Mapping
from dataclasses import replace
from io import BytesIO

from kvx.drivers.blobs import Blobs
from kvx.images.bill import EMPTY, EMPTY_KIND, KIND, attachment, bill
from kvx.images.documents import MANIFESTS, Descriptor, Platform, digest_of
from kvx.images.proof import Image


def attached(blobs: Blobs, name: str, images: Mapping[Platform, Image]) -> dict[Platform, Image]:
    """The images with their bills; one that has the same already is left as it is."""
    return {platform: _attached(blobs, name, platform, image) for platform, image in images.items()}


def _attached(blobs: Blobs, name: str, platform: Platform, image: Image) -> Image:
    content = bill(name, image.digest, platform, image.configuration.labels, image.contents.packages)
    if image.attested.bill != content:
        for kind, blob in ((EMPTY_KIND, EMPTY), (KIND, content)):
            blobs.put_blob(Descriptor(kind, digest_of(blob), len(blob)), BytesIO(blob))
        subject = Descriptor(MANIFESTS[0], image.digest, len(blobs.manifest(image.digest)[1]))
        referrer, manifest = attachment(content, subject)
        blobs.attach(subject, referrer, manifest)
    return replace(image, attested=replace(image.attested, bill=content))

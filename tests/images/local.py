"""Images made by hand in a folder, as kvx images build leaves them where there is no registry."""

from io import BytesIO
from pathlib import Path

from made import Made, Pusher, digest_of

from kvx.drivers.blobs import layout_folder
from kvx.drivers.image_building import built, keep_built
from kvx.drivers.image_proof import examined
from kvx.drivers.image_records import keep
from kvx.drivers.layout import Layout
from kvx.images.documents import Descriptor
from kvx.images.proof import Wanted
from kvx.images.record import platform_of, proven
from kvx.images.reference import LOCAL, Reference, parse_reference
from kvx.world import real_world


class IntoFolder(Pusher):
    """Puts what a Pusher makes into the layout of a target's folder."""

    def __init__(self, folder: Path, name: str) -> None:
        super().__init__("", name)
        reference = parse_reference(f"{LOCAL}/{name}:any")
        self.layout = Layout(layout_folder(folder), reference, real_world())

    def _put_blob(self, content: bytes) -> None:
        self.layout.put_blob(Descriptor("", digest_of(content), len(content)), BytesIO(content))

    def _put_manifest(self, name: str, kind: str, content: bytes) -> str:
        self.layout.put_manifest(name, kind, content)
        return digest_of(content)


def build(folder: Path, tag: str, *images: Made, name: str = "voice-api") -> Reference:
    """An index of these images in the folder, as built last beside others of that tag; not proven yet."""
    digest = IntoFolder(folder, name).index(tag, *images)
    reference = Reference(LOCAL, name, tag, digest)
    others = {each: other for each, other in built(folder).items() if other.tag == tag}
    keep_built(folder, {**others, name: reference})
    return reference


def build_and_keep(folder: Path, tag: str, *images: Made) -> Reference:
    """The same, proven for the platforms that it has, and kept in images.json."""
    reference = build(folder, tag, *images)
    platforms = tuple(platform_of(f"linux/{each.architecture}") for each in images)
    found = examined(reference, Wanted(platforms, 100_000_000), real_world(), folder)
    assert not found.findings, found.findings
    keep(folder / "images.json", proven(reference, found))
    return reference

"""Small images made by hand and pushed to a real registry, right and wrong in every way."""

import gzip
import hashlib
import io
import json
import struct
import tarfile
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import httpx

INDEX = "application/vnd.oci.image.index.v1+json"
MANIFEST = "application/vnd.oci.image.manifest.v1+json"
CONFIG = "application/vnd.oci.image.config.v1+json"
LAYER = "application/vnd.oci.image.layer.v1.tar+gzip"
LABELS = {
    "org.opencontainers.image.revision": "4f5c2ad",
    "org.opencontainers.image.source": "https://example.com/kvx",
    "org.opencontainers.image.licenses": "Apache-2.0",
    "org.opencontainers.image.version": "0.1.0",
}
MACHINES = {"amd64": 62, "arm64": 183}


@dataclass(frozen=True)
class Made:
    """What an image for one platform is to be."""

    architecture: str = "arm64"
    files: Mapping[str, bytes] = field(default_factory=dict)
    modes: Mapping[str, int] = field(default_factory=dict)
    user: str = "65532:65532"
    labels: Mapping[str, str] = field(default_factory=lambda: dict(LABELS))
    health: tuple[str, ...] = ("CMD", "/bin/true")
    says_architecture: str | None = None
    more: tuple[Mapping[str, bytes], ...] = ()
    """Files of further layers."""
    created: str = ""

    def but(self, **changed: Any) -> "Made":
        return replace(self, **changed)


def right(architecture: str) -> Made:
    """An image that nothing is wrong with."""
    return Made(architecture, {"usr/bin/program": elf(architecture), "etc/os-release": b"ID=debian\n"})


def elf(architecture: str, order: str = "<") -> bytes:
    """The beginning of a program for that processor."""
    ident = b"\x7fELF" + bytes([2, 1 if order == "<" else 2, 1]) + bytes(9)
    return ident + struct.pack(f"{order}HH", 3, MACHINES[architecture]) + bytes(44)


def layer(files: Mapping[str, bytes], modes: Mapping[str, int] | None = None) -> bytes:
    """A layer as builders make it: tar, packed by gzip."""
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w") as archive:
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size, member.mode = len(content), (modes or {}).get(name, 0o755)
            archive.addfile(member, io.BytesIO(content))
    return gzip.compress(file.getvalue(), mtime=0)


@dataclass
class Pusher:
    """Puts documents and layers into one repository of a registry."""

    url: str
    repository: str
    auth: tuple[str, str] | None = None
    run: str = ""
    """Of which an index tells, as provenance does."""

    def index(self, tag: str, *images: Made) -> str:
        """An index of these images; its digest."""
        manifests = []
        for image in images:
            content = self.manifest(image)
            platform = {"os": "linux", "architecture": image.architecture}
            manifests.append({**_points_at(MANIFEST, content), "platform": platform})
        document: dict[str, Any] = {"schemaVersion": 2, "mediaType": INDEX, "manifests": manifests}
        if self.run:
            document["annotations"] = {"run": self.run}
        return self._put_manifest(tag, INDEX, json.dumps(document).encode())

    def alone(self, tag: str, image: Made) -> str:
        """The manifest of a single platform under a tag; its digest."""
        return self._put_manifest(tag, MANIFEST, self.manifest(image))

    def artifact(self, tag: str, kind: str) -> str:
        """Something that is no image: a manifest with a configuration of another kind."""
        blob = b"{}"
        self._put_blob(blob)
        document = {"schemaVersion": 2, "mediaType": MANIFEST, "config": _points_at(kind, blob), "layers": []}
        return self._put_manifest(tag, MANIFEST, json.dumps(document).encode())

    def manifest(self, image: Made) -> bytes:
        packed = [layer(image.files, image.modes), *map(layer, image.more)]
        configuration = {
            "os": "linux",
            "architecture": image.says_architecture or image.architecture,
            "config": {
                "User": image.user,
                "Labels": dict(image.labels),
                "Healthcheck": {"Test": list(image.health)},
            },
            "rootfs": {"type": "layers", "diff_ids": [digest_of(gzip.decompress(each)) for each in packed]},
        }
        if image.created:
            configuration["created"] = image.created
        described = json.dumps(configuration).encode()
        document = {
            "schemaVersion": 2,
            "mediaType": MANIFEST,
            "config": _points_at(CONFIG, described),
            "layers": [_points_at(LAYER, each) for each in packed],
        }
        for blob in (*packed, described):
            self._put_blob(blob)
        content = json.dumps(document).encode()
        self._put_manifest(digest_of(content), MANIFEST, content)
        return content

    def _put_blob(self, content: bytes) -> None:
        with self._client() as client:
            begun = client.post(f"{self.url}/{self.repository}/blobs/uploads/").raise_for_status()
            place = httpx.URL(begun.headers["location"]).copy_merge_params({"digest": digest_of(content)})
            client.put(place, content=content).raise_for_status()

    def _put_manifest(self, name: str, kind: str, content: bytes) -> str:
        with self._client() as client:
            address = f"{self.url}/{self.repository}/manifests/{name}"
            client.put(address, content=content, headers={"content-type": kind}).raise_for_status()
        return digest_of(content)

    def _client(self) -> httpx.Client:
        return httpx.Client(trust_env=False, auth=self.auth, timeout=60)


def digest_of(content: bytes) -> str:
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


def _points_at(kind: str, content: bytes) -> dict[str, object]:
    return {"mediaType": kind, "digest": digest_of(content), "size": len(content)}

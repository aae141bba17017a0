"""Reads and fills one repository of a registry over its HTTP API; believes only what has the right digest.

The API is that of the OCI distribution specification 1.1.
"""

import hashlib
import json
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import BinaryIO

import httpx

from kvx.drivers.absent import NotThereError
from kvx.drivers.registry_login import Login, login_of
from kvx.drivers.registry_requests import Requests
from kvx.errors import KvxError
from kvx.images.documents import INDEXES, MANIFESTS, Descriptor, digest_of
from kvx.images.reference import Reference
from kvx.images.referrers import listed, referrers_tag, with_referrer
from kvx.world import World

_PIECE_BYTES = 1 << 20
_TOLD_SECONDS = 2.0


class Registry:
    """One repository of a registry, one request after the other."""

    def __init__(
        self, reference: Reference, world: World, login: Callable[[str], Login | None] = login_of
    ) -> None:
        self._world = world
        self._ask = Requests(reference, world, login)

    def close(self) -> None:
        self._ask.close()

    def manifest(self, wanted: str) -> tuple[str, bytes]:
        kinds = {"accept": ", ".join((*INDEXES, *MANIFESTS))}
        with self._ask.answer(f"manifests/{wanted}", kinds) as answer:
            content = self._ask.small(answer)
        digest = digest_of(content)
        if wanted.startswith("sha256:") and digest != wanted:
            raise self._damaged(wanted)
        return digest, content

    def digest(self, wanted: str) -> str | None:
        try:
            return self.manifest(wanted)[0]
        except NotThereError:
            return None

    def document(self, descriptor: Descriptor) -> bytes:
        with self._ask.answer(f"blobs/{descriptor.digest}") as answer:
            content = self._ask.small(answer)
        if digest_of(content) != descriptor.digest:
            raise self._damaged(descriptor.digest)
        return content

    @contextmanager
    def layer(self, descriptor: Descriptor) -> Iterator[BinaryIO]:
        """In a file of its own that is gone afterwards; no more than the size that was declared."""
        seen, size = hashlib.sha256(), 0
        with tempfile.TemporaryFile() as file:
            with self._ask.answer(f"blobs/{descriptor.digest}") as answer:
                for piece in self._ask.pieces(answer):
                    size += len(piece)
                    if size > descriptor.size_bytes:
                        raise self._damaged(descriptor.digest)
                    seen.update(piece)
                    file.write(piece)
            if f"sha256:{seen.hexdigest()}" != descriptor.digest:
                raise self._damaged(descriptor.digest)
            file.seek(0)
            yield file

    def tags(self) -> tuple[str, ...]:
        """Every tag of the repository, page after page."""
        found: list[str] = []
        path: str | None = "tags/list"
        while path:
            with self._ask.answer(path) as answer:
                told = json.loads(self._ask.small(answer))
            found += map(str, told.get("tags") or ())
            following = answer.links.get("next", {}).get("url")
            path = following if following != path else None
        return tuple(sorted(set(found)))

    def referrers(self, digest: str) -> tuple[Descriptor, ...]:
        """Asked of the registry's own list; where it has none, of the tag that stands for one."""
        try:
            with self._ask.answer(f"referrers/{digest}", {"accept": INDEXES[0]}) as answer:
                return listed(self._ask.small(answer))
        except NotThereError:
            return self._tagged_referrers(digest)

    def has(self, digest: str) -> bool:
        try:
            with self._ask.answer(f"blobs/{digest}", method="HEAD"):
                return True
        except NotThereError:
            return False

    def borrow(self, digest: str, owner: Reference) -> bool:
        """Mounted; a registry that does not mount begins an upload instead, which is given up."""
        words = str(httpx.QueryParams({"mount": digest, "from": owner.repository}))
        with self._ask.answer(f"blobs/uploads/?{words}", method="POST") as told:
            if told.status_code == httpx.codes.CREATED:
                return True
            place = told.url.join(told.headers["location"])
        with self._ask.answer(str(place), method="DELETE"):
            return False

    def put_blob(self, descriptor: Descriptor, content: BinaryIO) -> None:
        """What is there already is not sent."""
        if self.has(descriptor.digest):
            return
        with self._ask.answer("blobs/uploads/", method="POST") as begun:
            place = begun.url.join(begun.headers["location"]).copy_merge_params({"digest": descriptor.digest})
        headers = {"content-type": "application/octet-stream", "content-length": str(descriptor.size_bytes)}

        def pieces() -> Iterator[bytes]:
            content.seek(0)
            yield from self._told(content, descriptor)

        with self._ask.answer(str(place), headers, "PUT", pieces):
            pass

    def put_manifest(self, name: str, media_type: str, content: bytes) -> None:
        self._put(name, media_type, content)

    def attach(self, subject: Descriptor, referrer: Descriptor, content: bytes) -> None:
        """A registry that keeps a list of referrers says so; for others the tag is their list."""
        if "oci-subject" in self._put(referrer.digest, referrer.media_type, content):
            return
        index = with_referrer(self._tagged_referrers(subject.digest), referrer)
        self._put(referrers_tag(subject.digest), INDEXES[0], index)

    def delete(self, digest: str) -> None:
        with self._ask.answer(f"manifests/{digest}", method="DELETE"):
            pass

    def check_writing(self) -> None:
        """Whether blobs may be pushed: an upload is begun and given up; raises the KvxError of why not."""
        with self._ask.answer("blobs/uploads/", method="POST") as begun:
            place = begun.url.join(begun.headers["location"])
        with self._ask.answer(str(place), method="DELETE"):
            pass

    def _put(self, name: str, media_type: str, content: bytes) -> httpx.Headers:
        with self._ask.answer(f"manifests/{name}", {"content-type": media_type}, "PUT", content) as answer:
            return answer.headers

    def _tagged_referrers(self, digest: str) -> tuple[Descriptor, ...]:
        try:
            return listed(self.manifest(referrers_tag(digest))[1])
        except NotThereError:
            return ()

    def _told(self, content: BinaryIO, descriptor: Descriptor) -> Iterator[bytes]:
        """The content piece by piece, with a line now and then."""
        sent, told = 0, self._world.monotonic()
        while piece := content.read(_PIECE_BYTES):
            self._ask.check_stop()
            yield piece
            sent += len(piece)
            if self._world.monotonic() - told > _TOLD_SECONDS:
                told = self._world.monotonic()
                self._world.progress(f"{sent / 1e6:.1f} of {descriptor.size_bytes / 1e6:.1f} MB are pushed")

    def _damaged(self, digest: str) -> KvxError:
        what = self._ask.what
        message = f"{what} sends something else than {digest}: it is damaged, or was changed on the way"
        return KvxError(message, "build and push the image again")

"""The name of an image: where its registry is, and which one is meant."""

import re
from dataclasses import dataclass

from kvx.errors import ExitCode, KvxError

DEFAULT_REGISTRY = "docker.io"
LOCAL = "kvx.invalid"
"""Stands for no registry: RFC 2606 keeps names that end so from ever being one that can be pulled from."""
DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
_TAG = re.compile(r"\w[\w.-]{0,127}", re.ASCII)
_REPOSITORY = re.compile(r"[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*(?:/[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*)*")


@dataclass(frozen=True, slots=True)
class Reference:
    """An image by tag, by digest, or by both, and then the digest counts."""

    registry: str
    repository: str
    tag: str | None = None
    digest: str | None = None

    @property
    def wanted(self) -> str:
        """What a registry is asked for."""
        return self.digest or self.tag or "latest"

    @property
    def by_digest(self) -> bool:
        return self.digest is not None

    @property
    def is_local(self) -> bool:
        """Whether it lies in a folder here, and on nodes that it was loaded onto, but in no registry."""
        return self.registry == LOCAL

    @property
    def pull_policy(self) -> str:
        """Of Kubernetes: what is in no registry is on a node already, or never comes there."""
        return "Never" if self.is_local else "IfNotPresent"

    def __str__(self) -> str:
        tag = f":{self.tag}" if self.tag else ""
        digest = f"@{self.digest}" if self.digest else ""
        return f"{self.registry}/{self.repository}{tag}{digest}"


def parse_reference(text: str) -> Reference:
    """The image that a text names; KvxError with exit code 2 for a text that names none."""
    name, _, digest = text.partition("@")
    head, slash, rest = name.partition("/")
    if slash and ("." in head or ":" in head or head == "localhost"):
        registry, path = head, rest
    else:
        registry, path = DEFAULT_REGISTRY, name if slash else f"library/{name}"
    repository, _, tag = path.partition(":")
    right = _REPOSITORY.fullmatch(repository) and (not tag or _TAG.fullmatch(tag))
    if not right or (digest and not DIGEST.fullmatch(digest)) or text.endswith((":", "@")):
        fix = "write it as REGISTRY/REPOSITORY:TAG or REGISTRY/REPOSITORY@sha256:..."
        raise KvxError(f"{text} is not the name of an image", fix, ExitCode.USAGE)
    return Reference(registry, repository, tag or None, digest or None)

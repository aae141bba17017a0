"""Which images of a repository stay, and which may go: the newest stay, what is used, what a person named."""

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

OURS = re.compile(r"[0-9a-f]{12}(-dirty-[0-9a-f]{8})?")
REFERRERS = re.compile(r"sha256-[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class Tagged:
    """A tag, the digest it means now, when that was made, its size for each platform, what it leads to."""

    tag: str
    digest: str
    sizes: Mapping[str, int] = field(default_factory=dict)
    created: str = ""
    manifests: tuple[str, ...] = ()

    @property
    def all_manifests(self) -> frozenset[str]:
        return frozenset((self.digest, *self.manifests))


@dataclass(frozen=True, slots=True)
class Retention:
    """What stays and why, what goes, and the manifests that go with it, those that lead to others first."""

    kept: tuple[tuple[Tagged, str], ...]
    goes: tuple[Tagged, ...]
    manifests: tuple[str, ...]


def retention(tags: Sequence[Tagged], used: Collection[str], keep_last: int) -> Retention:
    """`used` are digests that something runs or is about to; of what only kvx has named the newest stay."""
    ours = [each for each in tags if OURS.fullmatch(each.tag)]
    newest = sorted(ours, key=lambda each: (each.created, each.tag), reverse=True)[:keep_last]
    kept = []
    for each in tags:
        if not each.all_manifests.isdisjoint(used):
            kept.append((each, "in use"))
        elif each not in ours:
            kept.append((each, "not named by kvx"))
        elif each in newest:
            kept.append((each, f"one of the newest {keep_last}"))
    digests = {each.digest for each, _ in kept}
    for each in tags:  # a digest is deleted with all its tags
        if each.digest in digests and all(each is not stays for stays, _ in kept):
            kept.append((each, "the same as one that stays"))
    goes = tuple(each for each in tags if all(each is not stays for stays, _ in kept))
    needed = {digest for each, _ in kept for digest in each.all_manifests}
    inside = (digest for each in goes for digest in each.manifests)
    manifests = dict.fromkeys((*(each.digest for each in goes), *inside))
    return Retention(tuple(kept), goes, tuple(each for each in manifests if each not in needed))

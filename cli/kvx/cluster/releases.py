"""Releases as they are kept in the cluster: one ConfigMap each, with what was applied, but no Secret."""

import base64
import gzip
import hashlib
import json
import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from kvx.cluster.trouble import Object
from kvx.errors import ExitCode, KvxError

SCHEMA = "kvx/release/v1"
LABEL = "kvx/release"
PREFIX = "kvx-release-"
RECORD = "release.json"
MANIFESTS = "manifests.json.gz"
# A ConfigMap may have 1 MiB, its names and the record included.
MOST_BYTES = 900_000
MOST_UNPACKED_BYTES = 30_000_000


@dataclass(frozen=True, slots=True)
class Made:
    """Who made a release, when (seconds since 1970), of which sources and with which kvx."""

    git_revision: str
    who: str
    when: float
    kvx_version: str
    rollback_of: int | None = None


@dataclass(frozen=True, slots=True)
class Release:
    """What was rolled out and served. `packed` holds the objects, None where they were too large to keep.

    `left_out` names what was wanted, and the cluster does not know.
    """

    revision: int
    made: Made
    images: Mapping[str, str]
    configuration: str
    secrets: tuple[str, ...] = ()
    packed: bytes | None = field(default=None, repr=False)
    left_out: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        return f"{PREFIX}{self.revision}"

    @property
    def objects(self) -> tuple[Object, ...]:
        """What was applied, in that order; raises a KvxError with exit code 4 where it was not kept whole."""
        if self.packed is None:
            message = f"the manifests of release {self.revision} were too large to be kept"
            raise KvxError(message, _AGAIN.format(self.made.git_revision), ExitCode.INCOMPLETE)
        return _unpacked(self.packed, self.revision)


_AGAIN = "git checkout {}; kvx deploy"


def release_of(
    revision: int, objects: Sequence[Object], made: Made, left_out: tuple[str, ...] = ()
) -> Release:
    """The release that these objects are; raises nothing: what is too large is left out and said."""
    kept = [each for each in objects if each.get("kind") != "Secret"]
    packed = gzip.compress(_canonical(kept), mtime=0)
    small = len(packed) * 4 / 3 < MOST_BYTES
    return Release(
        revision,
        made,
        images=images_of(objects),
        configuration=configuration_hash(objects),
        secrets=tuple(_path(each) for each in objects if each.get("kind") == "Secret"),
        packed=packed if small else None,
        left_out=left_out,
    )


def configuration_hash(objects: Sequence[Object]) -> str:
    """Twelve hexadecimal digits that change with any value of any object; of Secrets only the names count.

    Kustomize ends their names in a hash of the content, so a changed one counts, and none is given away.
    """
    values = [_path(each) if each.get("kind") == "Secret" else each for each in objects]
    rows = sorted(_canonical([each]) for each in values)
    return hashlib.sha256(b"\n".join(rows)).hexdigest()[:12]


def images_of(objects: Sequence[Object]) -> Mapping[str, str]:
    """The image of each container by its name."""
    return {str(each.get("name")): str(each.get("image")) for each in _containers(objects)}


def as_object(release: Release, namespace: str) -> dict[str, Any]:
    """The ConfigMap that keeps it."""
    record = {"schema": SCHEMA, "revision": release.revision, **asdict(release.made)}
    record |= {"images": dict(release.images), "configuration": release.configuration}
    record |= {"secrets": list(release.secrets), "left_out": list(release.left_out)}
    packed = {} if release.packed is None else {MANIFESTS: base64.b64encode(release.packed).decode()}
    labels = {LABEL: str(release.revision), "app.kubernetes.io/part-of": "kvx"}
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": release.name, "namespace": namespace, "labels": labels},
        "immutable": True,
        "data": {RECORD: json.dumps(record, indent=1)},
        "binaryData": packed,
    }


def from_object(thing: Object) -> Release:
    """What a ConfigMap keeps; KvxError with exit code 4 for one that kvx did not write."""
    name = str((thing.get("metadata") or {}).get("name", ""))
    try:
        record = _record(thing, name)
        made = Made(**{key: record[key] for key in Made.__slots__})
        images = {str(name): str(image) for name, image in record["images"].items()}
        packed = (thing.get("binaryData") or {}).get(MANIFESTS)
        return Release(
            revision=int(record["revision"]),
            made=made,
            images=images,
            configuration=str(record["configuration"]),
            secrets=tuple(record["secrets"]),
            packed=None if packed is None else base64.b64decode(packed, validate=True),
            left_out=tuple(map(str, record.get("left_out", ()))),  # which older kvx did not write
        )
    except (ValueError, KeyError, TypeError, AttributeError):
        message = f"the ConfigMap {name} is no release that this kvx can read"
        fix = f"kubectl delete configmap {name}, which forgets that release"
        raise KvxError(message, fix, ExitCode.INCOMPLETE) from None


def _record(thing: Object, name: str) -> Mapping[str, Any]:
    """What it says of itself, which must go with its name."""
    record: Mapping[str, Any] = json.loads(thing["data"][RECORD])
    if record["schema"] != SCHEMA or name != f"{PREFIX}{record['revision']}":
        raise ValueError(name)
    return record


def expired(history: Sequence[Release], kept: int) -> tuple[Release, ...]:
    """Those beyond the newest `kept`."""
    newest = sorted(history, key=lambda release: release.revision, reverse=True)
    return tuple(newest[max(kept, 1) :])


def one_to_go_back_to(history: Sequence[Release], revision: int | None) -> Release:
    """The release of that number; without one, the last that was something else than what is there now.

    Raises a KvxError: exit code 3 where there is none.
    """
    if not history:
        raise KvxError("there is no release to go back to", "kvx deploy", ExitCode.MISSING)
    if revision is None:
        return _last_different(history)
    for release in history:
        if release.revision == revision:
            return release
    there = ", ".join(str(release.revision) for release in history)
    message = f"there is no release {revision}; kept are {there}"
    raise KvxError(message, "kvx releases shows them", ExitCode.MISSING)


def _last_different(history: Sequence[Release]) -> Release:
    now = history[-1]
    for release in reversed(history):
        if release.configuration != now.configuration:
            return release
    message = f"release {now.revision} is the only one there is: nothing else was kept"
    raise KvxError(message, "kvx releases", ExitCode.MISSING)


def _unpacked(packed: bytes, revision: int) -> tuple[Object, ...]:
    """Never more than MOST_UNPACKED_BYTES, whatever the archive says of itself."""
    unpacking = zlib.decompressobj(wbits=31)
    try:
        text = unpacking.decompress(packed, MOST_UNPACKED_BYTES)
        objects = json.loads(text) if unpacking.eof else None
    except (zlib.error, ValueError):
        objects = None
    if not isinstance(objects, list) or not all(isinstance(each, dict) for each in objects):
        message = f"the manifests of release {revision} are damaged"
        fix = "kvx releases; kvx rollback REVISION takes another one"
        raise KvxError(message, fix, ExitCode.INCOMPLETE)
    return tuple(objects)


def _containers(objects: Sequence[Object]) -> Iterator[Object]:
    for each in objects:
        spec = ((each.get("spec") or {}).get("template") or {}).get("spec") or {}
        yield from spec.get("initContainers") or ()
        yield from spec.get("containers") or ()


def _path(thing: Object) -> str:
    about = thing.get("metadata") or {}
    return f"{about.get('namespace', '')}/{about.get('name', '')}"


def _canonical(value: Sequence[object]) -> bytes:
    return json.dumps(value, sort_keys=True, separators=(",", ":")).encode()

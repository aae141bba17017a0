"""A backup as one file: a tar in which every member has its checksum; the same content is the same bytes.

After `tar -x` a person checks it without kvx: `sha256sum -c SHA256SUMS`.
"""

import gzip
import io
import json
import re
import tarfile
import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

from kvx.errors import ExitCode, KvxError

SCHEMA = "kvx/archive/v1"
MANIFEST = "manifest.json"
SUMS = "SHA256SUMS"
SEALED = "secrets.sealed"
DATABASE, DATABASE_SEALED = "database.sql.gz", "database.sealed"
MOST_BYTES = 256 * 1024 * 1024
MOST_SQL_BYTES = 1024 * 1024 * 1024
_UNLISTED = frozenset({MANIFEST, SUMS, SEALED, DATABASE, DATABASE_SEALED})
_LINE = re.compile(r"([0-9a-f]{64})  (\S.*)")
_FIX = "take another archive; kvx backup makes a new one where the cluster still stands"


@dataclass(frozen=True, slots=True)
class Archive:
    """What a backup holds: its manifest, the objects in the order they were written, what is sealed.

    And what the database held: SQL, packed by gzip, and sealed where `database_sealed`.
    """

    manifest: Mapping[str, Any]
    objects: Mapping[str, Mapping[str, Any]]
    sealed: bytes | None = None
    database: bytes | None = None
    database_sealed: bool = False


def member_name(found: Mapping[str, Any]) -> str:
    """Where an object lies in the archive; names in Kubernetes hold no slash."""
    metadata = found["metadata"]
    group = str(found["apiVersion"]).rpartition("/")[0] or "core"
    return f"objects/{metadata.get('namespace', '-')}/{found['kind']}.{group}/{metadata['name']}.json"


def pack(archive: Archive) -> bytes:
    """The archive as a file: the manifest first, the checksums last."""
    members = {MANIFEST: written(archive.manifest)}
    members |= {name: written(archive.objects[name]) for name in sorted(archive.objects)}
    members |= {SEALED: archive.sealed} if archive.sealed is not None else {}
    database = DATABASE_SEALED if archive.database_sealed else DATABASE
    members |= {database: archive.database} if archive.database is not None else {}
    members[SUMS] = "".join(
        f"{sha256(data).hexdigest()}  {name}\n" for name, data in members.items()
    ).encode()
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w", format=tarfile.PAX_FORMAT) as tar:
        for name, data in members.items():
            about = tarfile.TarInfo(name)
            about.size, about.mode = len(data), 0o600  # no time and no owner: they would be this run's
            tar.addfile(about, io.BytesIO(data))
    return file.getvalue()


def unpack(data: bytes) -> Archive:
    """What an archive holds; raises a KvxError with exit code 4 that names what is not as it was written.

    Nothing of it is used before all of it was checked.
    """
    members = dict(_members(data))
    manifest = _document(members, MANIFEST)
    if manifest.get("schema") != SCHEMA:
        said = manifest.get("schema")
        raise _refused(f"{MANIFEST} says {said!r} and not {SCHEMA}: it is none of this version of kvx")
    _check(members)
    names = _listed(manifest)
    if unlisted := sorted(set(members) - _UNLISTED - set(names)):
        raise _refused(f"{unlisted[0]} is in it, and {MANIFEST} does not know it")
    objects = {name: _object(members, name) for name in names}
    database = members.get(DATABASE, members.get(DATABASE_SEALED))
    return Archive(manifest, objects, members.get(SEALED), database, DATABASE_SEALED in members)


def database_of(packed: bytes) -> bytes:
    """The SQL that was packed; a KvxError for what is none, or too much."""
    try:
        with gzip.GzipFile(fileobj=io.BytesIO(packed)) as file:
            dump = file.read(MOST_SQL_BYTES + 1)
    except (OSError, EOFError, zlib.error):
        raise _refused("its database is not packed as kvx packs") from None
    if len(dump) > MOST_SQL_BYTES:
        raise _refused(f"its database has more than {MOST_SQL_BYTES // 1_000_000} MB of SQL")
    return dump


def written(document: Mapping[str, Any]) -> bytes:
    """JSON that people can read, the same for the same content."""
    return (json.dumps(document, indent=2, sort_keys=True, ensure_ascii=False) + "\n").encode()


def _members(data: bytes) -> Iterator[tuple[str, bytes]]:
    seen: list[str] = []
    try:
        with tarfile.open(fileobj=io.BytesIO(data), mode="r:") as tar:
            for about in tar:
                if not about.isreg() or about.name in seen or about.size > MOST_BYTES:
                    raise _refused(f"{about.name!r} is no file that kvx puts into one")
                seen.append(about.name)
                file = tar.extractfile(about)
                yield about.name, file.read() if file else b""
    except (tarfile.TarError, EOFError, ValueError, OverflowError):
        where = f"after {seen[-1]}" if seen else "from its first byte"
        raise _refused(f"it is no tar archive {where}") from None


def _check(members: Mapping[str, bytes]) -> None:
    """Raises unless every member has its checksum, and every checksum its member."""
    if SUMS not in members:
        raise _refused(f"it ends early: {SUMS}, its last member, is missing")
    sums = dict(_sums(members[SUMS]))
    for name in sums:
        if name not in members:
            raise _refused(f"{name} is missing")
    for name, data in members.items():
        if name != SUMS and sums.get(name) != sha256(data).hexdigest():
            raise _refused(f"{name} is not as it was written: its checksum differs")


def _sums(data: bytes) -> Iterator[tuple[str, str]]:
    for line in data.decode(errors="replace").splitlines():
        found = _LINE.fullmatch(line)
        if found is None:
            raise _refused(f"{SUMS} is not as it was written: {line[:80]!r}")
        yield found[2], found[1]


def _listed(manifest: Mapping[str, Any]) -> Sequence[str]:
    entries = manifest.get("objects")
    if not isinstance(entries, list) or not all(isinstance(each, dict) for each in entries):
        raise _refused(f"{MANIFEST} does not list the objects")
    return [str(each.get("member")) for each in entries]


def _object(members: Mapping[str, bytes], name: str) -> Mapping[str, Any]:
    """An object that stands where its name says: an archive that was put together by hand may not."""
    found = _document(members, name)
    match found:
        case {"apiVersion": str(), "kind": str(), "metadata": {"name": str()}} if member_name(found) == name:
            return found
        case _:
            raise _refused(f"{name} holds something else than its name says")


def _document(members: Mapping[str, bytes], name: str) -> Mapping[str, Any]:
    if name not in members:
        raise _refused(f"{name} is missing")
    try:
        document = json.loads(members[name])
    except ValueError:
        raise _refused(f"{name} is no JSON") from None
    if not isinstance(document, dict):
        raise _refused(f"{name} is no object of JSON")
    return document


def _refused(words: str) -> KvxError:
    return KvxError(f"the archive is refused: {words}", _FIX, ExitCode.INCOMPLETE)

"""An archive says by the name of a member what is not as it was written."""

import gzip
import io
import json
import subprocess
import tarfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kvx.cluster import archive_making as making
from kvx.cluster.archive import Archive, database_of, member_name, pack, unpack
from kvx.cluster.archive_making import Origin
from kvx.errors import ExitCode, KvxError

SERVICE: Mapping[str, Any] = {
    "apiVersion": "v1",
    "kind": "Service",
    "metadata": {"name": "voice-api", "namespace": "kvx"},
    "spec": {"ports": [{"port": 80}]},
}
ROLE: Mapping[str, Any] = {
    "apiVersion": "rbac.authorization.k8s.io/v1",
    "kind": "ClusterRole",
    "metadata": {"name": "system:kvx"},
    "rules": [],
}


def archive_of(*objects: Mapping[str, Any], sealed: bytes | None = None) -> Archive:
    by_name = {member_name(each): each for each in objects}
    manifest = {"schema": "kvx/archive/v1", "objects": [{"member": name} for name in by_name]}
    return Archive(manifest, by_name, sealed)


DUMP = b"SELECT 1;\n" * 1000


@pytest.mark.parametrize("seal", [None, lambda plain: b"sealed " + plain[::-1]])
def test_what_the_database_held_is_packed_and_sealed_where_there_is_a_key(
    seal: Callable[[bytes], bytes] | None,
) -> None:
    origin = Origin("cluster", "https://10.0.0.5:6443", "uid", "v1.34.2", "kvx")
    made = making.archive_of([], origin, taken="now", made_by="kvx", seal=seal, database=DUMP)
    again = unpack(pack(made))
    assert (again.database_sealed, again.manifest["database"]) == (
        seal is not None,
        {"sealed": seal is not None, "bytes": len(DUMP)},
    )
    assert again.database is not None
    packed = again.database if seal is None else again.database.removeprefix(b"sealed ")[::-1]
    assert database_of(packed) == DUMP
    assert pack(made) == pack(
        making.archive_of([], origin, taken="now", made_by="kvx", seal=seal, database=DUMP)
    )


@pytest.mark.parametrize("damage", [lambda data: data[:-9], lambda data: b"SELECT 1;", lambda data: data[:2]])
def test_a_database_that_is_not_as_it_was_packed_is_refused(damage: Callable[[bytes], bytes]) -> None:
    with pytest.raises(KvxError, match="its database is not packed"):
        database_of(damage(gzip.compress(DUMP)))


def refused(data: bytes) -> str:
    with pytest.raises(KvxError) as caught:
        unpack(data)
    assert caught.value.exit_code is ExitCode.INCOMPLETE
    return caught.value.message


def rewritten(data: bytes, changes: dict[str, bytes | None], *, kind: bytes = tarfile.REGTYPE) -> bytes:
    """The same archive with members changed, added or (None) left out, and no checksum corrected."""
    file = io.BytesIO()
    with tarfile.open(fileobj=io.BytesIO(data)) as old, tarfile.open(fileobj=file, mode="w") as new:
        members = {each.name: old.extractfile(each).read() for each in old}  # type: ignore[union-attr]
        for name, content in (members | changes).items():
            if content is not None:
                about = tarfile.TarInfo(name)
                about.size = len(content) if kind == tarfile.REGTYPE else 0
                about.type = kind if name in changes else tarfile.REGTYPE
                new.addfile(about, io.BytesIO(content))
    return file.getvalue()


def test_what_is_packed_comes_out_again_in_the_order_of_the_manifest() -> None:
    archive = archive_of(SERVICE, ROLE, sealed=b"\0\1")
    again = unpack(pack(archive))
    assert again == archive
    assert list(again.objects) == list(archive.objects)


def test_the_same_content_is_the_same_bytes() -> None:
    assert pack(archive_of(SERVICE, ROLE)) == pack(archive_of(dict(reversed(list(SERVICE.items()))), ROLE))


def test_a_person_checks_it_with_tar_and_sha256sum(tmp_path: Path) -> None:
    (tmp_path / "backup.tar").write_bytes(pack(archive_of(SERVICE, ROLE)))
    subprocess.run(["tar", "-xf", "backup.tar"], cwd=tmp_path, check=True)
    checked = subprocess.run(
        ["sha256sum", "-c", "SHA256SUMS"], cwd=tmp_path, check=True, capture_output=True, text=True
    )
    assert checked.stdout.count(": OK") == 3
    modes = {path.stat().st_mode & 0o777 for path in tmp_path.rglob("*.json")}
    assert modes == {0o600}


def test_a_changed_member_is_named() -> None:
    name = "objects/kvx/Service.core/voice-api.json"
    data = rewritten(pack(archive_of(SERVICE)), {name: json.dumps(SERVICE).encode()})
    assert f"{name} is not as it was written" in refused(data)


def test_a_missing_member_is_named() -> None:
    name = "objects/kvx/Service.core/voice-api.json"
    assert f"{name} is missing" in refused(rewritten(pack(archive_of(SERVICE)), {name: None}))


def test_an_added_member_is_named() -> None:
    assert "extra.json" in refused(rewritten(pack(archive_of(SERVICE)), {"extra.json": b"{}"}))


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.DIRTYPE, tarfile.FIFOTYPE])
def test_a_member_that_is_no_file_is_named(kind: bytes) -> None:
    data = rewritten(pack(archive_of(SERVICE)), {"objects/link": b""}, kind=kind)
    assert "'objects/link' is no file" in refused(data)


def test_an_object_under_another_name_than_its_own_is_refused_though_its_checksum_holds() -> None:
    wrong = {"objects/kvx/Service.core/other.json": SERVICE}
    manifest = {"schema": "kvx/archive/v1", "objects": [{"member": name} for name in wrong]}
    assert "other.json holds something else" in refused(pack(Archive(manifest, wrong)))


def test_an_object_that_the_manifest_does_not_list_is_refused() -> None:
    archive = archive_of(SERVICE)
    hidden = Archive(archive.manifest, {**archive.objects, member_name(ROLE): ROLE})
    assert "ClusterRole" in refused(pack(hidden))


def test_another_version_is_refused_by_its_name() -> None:
    later = Archive({"schema": "kvx/archive/v9", "objects": []}, {})
    assert "kvx/archive/v9" in refused(pack(later))


def test_a_tar_of_somebody_else_is_refused(tmp_path: Path) -> None:
    (tmp_path / "readme").write_text("hello")
    subprocess.run(["tar", "-cf", "other.tar", "readme"], cwd=tmp_path, check=True)
    assert "manifest.json is missing" in refused((tmp_path / "other.tar").read_bytes())


@pytest.mark.parametrize("data", [b"", b"hello", b"\0" * 10_240, b"\x1f\x8b\x08" + b"x" * 600])
def test_what_is_no_tar_is_refused(data: bytes) -> None:
    assert "refused" in refused(data)


WHOLE = pack(archive_of(SERVICE, ROLE, sealed=b"sealed"))


@settings(max_examples=200)
@given(st.integers(0, len(WHOLE) - 1), st.integers(1, 255))
def test_a_flipped_byte_is_refused_or_changes_nothing(place: int, change: int) -> None:
    data = bytearray(WHOLE)
    data[place] ^= change
    try:
        found = unpack(bytes(data))
    except KvxError:
        return
    assert found == unpack(WHOLE)


@settings(max_examples=100)
@given(st.integers(0, len(WHOLE) - 1))
def test_an_archive_cut_off_anywhere_is_refused_or_whole(length: int) -> None:
    try:
        found = unpack(WHOLE[:length])
    except KvxError:
        return
    assert found == unpack(WHOLE)


@settings(max_examples=100)
@given(st.binary(max_size=4_096))
def test_whatever_the_bytes_are_the_answer_is_a_refusal(data: bytes) -> None:
    with pytest.raises(KvxError):
        unpack(data)

"""Snapshots of etcd: found on disks and in a bucket, told as one, and what going back to one loses."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kvx.commands.nodes_restore_letter import lines_of, snapshot_data, warning_of
from kvx.drivers.snapshots import bucket_of, in_bucket
from kvx.errors import ExitCode, KvxError
from kvx.nodes.snapshots import Snapshot, named, on_disk, together
from kvx.secret import Secret
from kvx.steps.machines import Backend
from kvx.steps.nodes import ConfigureNodes, NodesWanted

TAKEN = 1_795_272_464.0  # 2026-11-21 14:47:44 UTC
HOUR = 3600


def test_what_find_printed_is_read_and_an_unfinished_snapshot_is_none() -> None:
    printed = f"nightly-1\t1593344\t{TAKEN}\nnightly-2.part\t10\t{TAKEN}\nno table\n"
    assert on_disk("s1", printed) == [Snapshot("nightly-1", TAKEN, 1_593_344, ("s1",))]


def test_a_copy_in_the_bucket_and_the_file_on_a_disk_are_one_snapshot_with_the_time_of_the_first() -> None:
    disk = Snapshot("a", TAKEN, 1_000_000, ("s1",))
    copy = Snapshot("a", TAKEN + 5, 1_000_000, bucket="saves")
    whole = (Snapshot("a", TAKEN, 1_000_000, ("s1",), "saves"),)
    assert together([copy, disk]) == whole
    assert together([disk, copy]) == whole


names = st.sampled_from("abc")
found = st.lists(
    st.builds(
        Snapshot,
        names,
        st.integers(0, 9).map(float),
        st.integers(0, 5),
        st.sampled_from([("s1",), ("s2",), ()]),
        st.none() | st.just("saves"),
    )
)


@given(found)
def test_every_name_is_told_once_the_newest_first_with_every_place(several: list[Snapshot]) -> None:
    whole = together(several)
    assert sorted(each.name for each in whole) == sorted({each.name for each in several})
    assert [each.taken for each in whole] == sorted((each.taken for each in whole), reverse=True)
    for each in whole:
        mine = [one for one in several if one.name == each.name]
        assert set(each.servers) == {server for one in mine for server in one.servers}
        assert named(whole, each.name) == each


def test_a_list_says_when_how_large_and_where() -> None:
    snapshots = together([Snapshot("before-upgrade", TAKEN, 1_593_344, ("s1", "s3"), "saves")])
    assert lines_of("edge", snapshots, TAKEN + 2 * HOUR) == [
        "The cluster edge has one snapshot.",
        "",
        "  snapshot        taken                          size    where",
        "  before-upgrade  2026-11-21 14:47 UTC, 2 h ago  1.6 MB  s1, s3, bucket saves",
    ]


def test_no_row_is_wider_than_a_terminal_of_80_columns() -> None:
    long = Snapshot(
        "before-v1.34.3-k3s1-edge-control-plane-1-1795272464", TAKEN, 10, ("edge-control-plane-1",)
    )
    assert max(map(len, lines_of("edge", [long], TAKEN, 80))) <= 80
    assert max(map(len, warning_of("edge", long, TAKEN))) <= 80


def test_a_cluster_without_snapshots_is_told_so() -> None:
    assert lines_of("edge", [], TAKEN) == [
        "The cluster edge has no snapshot, neither on a server nor in a bucket."
    ]


def test_programs_are_told_the_time_in_utc() -> None:
    data = snapshot_data(Snapshot("a", TAKEN, 7, ("s1",)))
    assert data == {
        "name": "a",
        "taken": "2026-11-21T14:47:44Z",
        "size_bytes": 7,
        "servers": ["s1"],
        "bucket": None,
    }


def test_the_warning_says_what_is_lost_and_what_is_kept() -> None:
    said = "\n".join(warning_of("edge", Snapshot("a", TAKEN, 7, ("s1",)), TAKEN + HOUR))
    assert "2026-11-21 14:47 UTC, 1 h ago" in said
    assert "lost       all that Kubernetes was told since then" in said
    assert "kept       what lies on volumes" in said


@pytest.mark.needs("object-storage")
def test_the_bucket_is_asked_for_what_k3s_has_copied_there(object_storage: str) -> None:
    backend = Backend("nodes-snapshots", "edge/", "us-east-1", object_storage, Secret("a"), Secret("b"))
    from kvx.drivers.object_storage import client

    storage = client(backend)
    storage.create_bucket(Bucket=backend.bucket)
    for key in ("edge/nightly-1", "edge/.metadata/nightly-1", "other/nightly-9"):
        storage.put_object(Bucket=backend.bucket, Key=key, Body=b"12345")
    assert [(each.name, each.size_bytes, each.bucket) for each in in_bucket(backend)] == [
        ("nightly-1", 5, "nodes-snapshots")
    ]


@pytest.mark.needs("object-storage")
def test_a_bucket_that_is_not_there_is_named(object_storage: str) -> None:
    backend = Backend("no-such", "edge/", "us-east-1", object_storage, Secret("a"), Secret("b"))
    with pytest.raises(KvxError, match=r"the bucket no-such at .* answers NoSuchBucket") as raised:
        in_bucket(backend)
    assert raised.value.exit_code is ExitCode.MISSING


def test_the_bucket_is_the_one_that_the_settings_gave_the_roles(tmp_path: Path) -> None:
    variables = {"etcd_snapshots_s3_bucket": "saves", "etcd_snapshots_s3_endpoint": "nbg1.example.com"}
    wanted = NodesWanted(variables, etcd_access_key=Secret("a"), etcd_secret_key=Secret("b"))
    backend = bucket_of(ConfigureNodes(tmp_path, tmp_path, tmp_path, wanted), "edge")
    assert backend is not None
    assert (backend.bucket, backend.key, backend.endpoint) == ("saves", "edge/", "https://nbg1.example.com")
    assert bucket_of(ConfigureNodes(tmp_path, tmp_path, tmp_path, NodesWanted()), "edge") is None

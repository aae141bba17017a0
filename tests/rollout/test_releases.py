"""Releases as ConfigMaps: nothing is lost on the way, nothing secret is in them, and they stay small."""

import base64
import gzip
import json
import random
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kvx.cluster import releases
from kvx.cluster.releases import Made, Release, as_object, from_object, one_to_go_back_to, release_of
from kvx.errors import ExitCode, KvxError

PATIENT = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])

MADE = Made("3f2a1bc", "anna@build-7", 1763740000.0, "0.1.0")
IMAGE = "registry.example/kvx/voice-api@sha256:" + "a" * 64
ANY_JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=20,
)


def deployment(image: str = IMAGE, **more: Any) -> dict[str, Any]:
    template = {"spec": {"containers": [{"name": "voice-api", "image": image}]}}
    about = {"name": "voice-api", "namespace": "kvx"}
    return {"kind": "Deployment", "metadata": about, "spec": {"template": template, **more}}


def secret(value: str) -> dict[str, Any]:
    about = {"name": "tokens-x", "namespace": "kvx"}
    return {"kind": "Secret", "metadata": about, "stringData": {"token": value}}


def kept(*configurations: str) -> list[Release]:
    return [Release(n, MADE, {}, each) for n, each in enumerate(configurations, 1)]


@PATIENT
@given(st.lists(st.dictionaries(st.text(), ANY_JSON, max_size=4), max_size=5), st.integers(1, 10**6))
def test_what_was_applied_comes_back_as_it_was(objects: list[dict[str, Any]], revision: int) -> None:
    made = [{**each, "kind": "ConfigMap", "metadata": {"name": "x"}, "spec": None} for each in objects]
    there = from_object(json.loads(json.dumps(as_object(release_of(revision, made, MADE), "kvx"))))
    assert (there.revision, there.made) == (revision, MADE)
    assert list(there.objects) == made


def test_a_release_names_its_images_by_digest() -> None:
    assert release_of(1, [deployment()], MADE).images == {"voice-api": IMAGE}


def test_no_secret_is_kept_but_its_name_is() -> None:
    thing = as_object(release_of(1, [deployment(), secret("hunter2")], MADE), "kvx")
    unpacked = gzip.decompress(base64.b64decode(thing["binaryData"][releases.MANIFESTS]))
    assert b"hunter2" not in unpacked
    assert "hunter2" not in json.dumps(thing)
    assert from_object(thing).secrets == ("kvx/tokens-x",)
    assert [each["kind"] for each in from_object(thing).objects] == ["Deployment"]


def test_the_hash_of_the_configuration_changes_with_a_value_and_not_with_the_order() -> None:
    one, other = deployment(), {**deployment(), "metadata": {"name": "other"}}
    assert releases.configuration_hash([one, other]) == releases.configuration_hash([other, one])
    assert releases.configuration_hash([one]) != releases.configuration_hash([deployment(replicas=3)])


def test_the_hash_gives_no_secret_away() -> None:
    assert releases.configuration_hash([secret("a")]) == releases.configuration_hash([secret("b")])


def test_the_same_objects_make_the_same_bytes() -> None:
    assert release_of(1, [deployment()], MADE).packed == release_of(1, [deployment()], MADE).packed


def test_what_would_not_fit_into_a_config_map_is_left_out_and_said() -> None:
    noise = "".join(random.Random(7).choices("0123456789abcdef", k=2_500_000))
    big = release_of(
        4, [deployment(), {"kind": "ConfigMap", "metadata": {"name": "big"}, "data": noise}], MADE
    )
    assert len(json.dumps(as_object(big, "kvx"))) < 1_000_000
    with pytest.raises(KvxError, match="too large") as caught:
        _ = from_object(as_object(big, "kvx")).objects
    assert "3f2a1bc" in caught.value.fix


def test_an_archive_that_unpacks_without_end_is_refused() -> None:
    bomb = gzip.compress(b"[" + b" " * (releases.MOST_UNPACKED_BYTES + 1) + b"]")
    with pytest.raises(KvxError, match="damaged"):
        _ = Release(1, MADE, {}, "x", packed=bomb).objects


@PATIENT
@given(st.binary(max_size=200))
def test_damage_is_told_and_never_a_traceback(noise: bytes) -> None:
    with pytest.raises(KvxError) as caught:
        _ = Release(1, MADE, {}, "x", packed=noise).objects
    assert caught.value.exit_code is ExitCode.INCOMPLETE


@PATIENT
@given(ANY_JSON, ANY_JSON)
def test_a_foreign_config_map_is_told_with_how_to_forget_it(data: Any, binary: Any) -> None:
    thing = {"metadata": {"name": "kvx-release-9"}, "data": data, "binaryData": binary}
    with pytest.raises(KvxError, match="kvx-release-9") as caught:
        from_object(thing)
    assert caught.value.fix.startswith("kubectl delete configmap kvx-release-9")


def test_a_record_under_another_name_is_not_believed() -> None:
    thing = as_object(release_of(3, [deployment()], MADE), "kvx")
    thing["metadata"]["name"] = "kvx-release-4"
    with pytest.raises(KvxError, match="kvx-release-4"):
        from_object(thing)


@PATIENT
@given(st.lists(st.integers(1, 500), unique=True), st.integers(1, 20))
def test_the_newest_are_kept_and_never_more_than_that(revisions: list[int], most: int) -> None:
    history = [Release(n, MADE, {}, "x") for n in revisions]
    gone = {release.revision for release in releases.expired(history, most)}
    left = [n for n in revisions if n not in gone]
    assert len(left) == min(most, len(revisions))
    assert not gone or min(left) > max(gone)


def test_back_means_the_last_that_was_something_else() -> None:
    assert one_to_go_back_to(kept("a", "b", "c", "c"), None).revision == 2


def test_back_from_a_rollback_is_forward_again() -> None:
    assert one_to_go_back_to(kept("a", "b", "a"), None).revision == 2


def test_a_number_names_the_release() -> None:
    assert one_to_go_back_to(kept("a", "b", "c"), 1).revision == 1


@pytest.mark.parametrize(
    ("history", "revision", "words"),
    [
        ([], None, "no release to go back to"),
        (kept("a"), None, "only one"),
        (kept("a", "b"), 9, "kept are 1, 2"),
    ],
)
def test_where_there_is_nothing_to_go_back_to_that_is_missing(
    history: list[Release], revision: int | None, words: str
) -> None:
    with pytest.raises(KvxError, match=words) as caught:
        one_to_go_back_to(history, revision)
    assert caught.value.exit_code is ExitCode.MISSING

"""What a backup keeps of an object: what somebody has set, and nothing that the server made of it."""

import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from kvx.cluster.archive_objects import is_worth_keeping, kept, set_by_others


def live(fields: dict[str, Any], manager: str = "kvx", **note: Any) -> dict[str, Any]:
    entry = {"manager": manager, "apiVersion": "v1", "fieldsType": "FieldsV1", "fieldsV1": fields, **note}
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {
            "name": "voice-api",
            "namespace": "kvx",
            "uid": "0-1",
            "resourceVersion": "7",
            "labels": {"ours": "yes", "theirs": "no"},
            "managedFields": [entry],
        },
        "spec": {
            "clusterIP": "10.0.0.7",
            "ports": [{"name": "http", "port": 80, "protocol": "TCP"}, {"name": "other", "port": 81}],
        },
        "status": {"loadBalancer": {}},
    }


def test_what_nobody_has_set_is_left_to_the_server() -> None:
    item = {".": {}, "f:name": {}, "f:port": {}}
    ports = {".": {}, 'k:{"port":80,"protocol":"TCP"}': item}
    found = kept(live({"f:metadata": {"f:labels": {"f:ours": {}}}, "f:spec": {"f:ports": ports}}))
    assert found["spec"] == {"ports": [{"name": "http", "port": 80}]}
    assert found["metadata"] == {"name": "voice-api", "namespace": "kvx", "labels": {"ours": "yes"}}
    assert "status" not in found


def test_what_a_controller_has_set_through_a_subresource_is_not_kept() -> None:
    thing = live({"f:metadata": {"f:labels": {"f:ours": {}}}})
    scaled = {"f:spec": {"f:clusterIP": {}}}
    entry = {"manager": "k3s", "subresource": "scale", "apiVersion": "v1", "fieldsType": "FieldsV1"}
    thing["metadata"]["managedFields"].append({**entry, "fieldsV1": scaled})
    assert "spec" not in kept(thing)
    assert set_by_others(thing) == ()


def test_the_volume_that_a_claim_was_bound_to_is_not_kept() -> None:
    spec = {"f:resources": {"f:requests": {"f:storage": {}}}, "f:volumeName": {}}
    claim = live({"f:spec": spec}, manager="kube-controller-manager") | {
        "kind": "PersistentVolumeClaim",
        "spec": {"resources": {"requests": {"storage": "4Gi"}}, "volumeName": "pvc-0815"},
    }
    assert kept(claim)["spec"] == {"resources": {"requests": {"storage": "4Gi"}}}


def test_what_a_person_has_set_is_kept_and_the_person_named() -> None:
    thing = live({"f:metadata": {"f:labels": {"f:ours": {}}}})
    entry = {"manager": "kubectl-edit", "apiVersion": "v1", "fieldsType": "FieldsV1"}
    labels = {"f:metadata": {"f:labels": {"f:theirs": {}}}}
    thing["metadata"]["managedFields"].append({**entry, "fieldsV1": labels})
    assert kept(thing)["metadata"]["labels"] == {"ours": "yes", "theirs": "no"}
    assert set_by_others(thing) == ("kubectl-edit",)


def test_a_revision_that_a_controller_notes_is_neither_kept_nor_anybodys() -> None:
    noted = {"f:metadata": {"f:annotations": {".": {}, "f:deployment.kubernetes.io/revision": {}}}}
    thing = live(noted, "kube-controller-manager")
    thing["metadata"]["annotations"] = {"deployment.kubernetes.io/revision": "3"}
    assert "annotations" not in kept(thing)["metadata"]
    assert set_by_others(thing) == ()


def test_without_notes_all_but_the_servers_addresses_is_kept() -> None:
    thing = live({})
    del thing["metadata"]["managedFields"]
    found = kept(thing)
    assert found["spec"]["ports"] == thing["spec"]["ports"]
    assert "clusterIP" not in found["spec"]
    assert "uid" not in found["metadata"]


def test_what_controllers_make_or_what_goes_is_not_worth_keeping() -> None:
    thing = live({})
    assert is_worth_keeping(thing)
    owned = {**thing["metadata"], "ownerReferences": [{"controller": True, "uid": "1"}]}
    assert not is_worth_keeping({**thing, "metadata": owned})
    assert not is_worth_keeping({**thing, "metadata": {**thing["metadata"], "deletionTimestamp": "now"}})
    assert not is_worth_keeping({**thing, "kind": "Pod"})
    assert not is_worth_keeping({**thing, "type": "kubernetes.io/service-account-token"})


NAMES = st.text("abc.:/-", min_size=1, max_size=6)
LEAVES = st.one_of(st.integers(), st.booleans(), st.text(max_size=5), st.just({}), st.just([]))
VALUES = st.recursive(
    LEAVES,
    lambda inner: st.one_of(
        st.dictionaries(NAMES, inner, min_size=1, max_size=4),
        st.lists(
            st.tuples(NAMES, inner).map(lambda pair: {"name": pair[0], "value": pair[1]}),
            min_size=1,
            max_size=3,
            unique_by=lambda item: item["name"],
        ),
        st.lists(st.text(max_size=4), min_size=1, max_size=3, unique=True),
    ),
    max_leaves=12,
)


def fields_of(value: Any) -> dict[str, Any]:
    """The notes of somebody who has set all of a value, as the API server would write them."""
    match value:
        case {**inner} if inner:
            return {f"f:{key}": fields_of(each) for key, each in inner.items()}
        case [{"name": _}, *_]:
            return {f"k:{json.dumps({'name': each['name']})}": fields_of(each) for each in value}
        case [*inner] if inner:
            return {f"v:{json.dumps(each)}": {} for each in inner}
        case _:
            return {}


@given(st.dictionaries(NAMES, VALUES, min_size=1, max_size=4))
def test_what_one_has_set_whole_is_kept_whole(spec: dict[str, Any]) -> None:
    thing = {**live({"f:spec": fields_of(spec)}), "spec": spec}
    assert kept(thing).get("spec") == spec


@given(st.dictionaries(NAMES, VALUES, min_size=2, max_size=4), st.data())
def test_what_two_have_set_in_parts_is_kept_whole(spec: dict[str, Any], data: st.DataObject) -> None:
    keys = data.draw(st.sets(st.sampled_from(sorted(spec)), min_size=1))
    mine, rest = ({key: spec[key] for key in spec if (key in keys) is own} for own in (True, False))
    thing = {**live({"f:spec": fields_of(mine)}), "spec": spec}
    entry = {"manager": "other", "apiVersion": "v1", "fieldsType": "FieldsV1"}
    if rest:
        thing["metadata"]["managedFields"].append({**entry, "fieldsV1": {"f:spec": fields_of(rest)}})
    assert kept(thing)["spec"] == spec


def test_a_secret_is_kept_whole_also_where_it_was_set_as_text() -> None:
    """The server notes stringData in managedFields, and shows data alone."""
    noted = {"apiVersion": "v1", "fieldsType": "FieldsV1", "fieldsV1": {"f:stringData": {"f:password": {}}}}
    metadata = {"name": "postgres", "namespace": "kvx", "managedFields": [noted]}
    live = {"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "data": {"password": "YQ=="}}
    assert kept(live)["data"] == {"password": "YQ=="}
    assert "stringData" not in kept(live)

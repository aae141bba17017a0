"""What a person is shown of a difference, and the order of things: pure."""

import base64
import hashlib
import json
from collections.abc import Mapping
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from kvx.cluster.applyset import Reach, id_of, member, parent, reach_in, reach_of
from kvx.cluster.difference import change_of, hunks, summary
from kvx.cluster.order import FIRST, LAST, WORKLOADS, ordered
from kvx.cluster.refusals import Answer, refusal
from kvx.drivers.comparing import yaml_of
from kvx.errors import ExitCode

Object = Mapping[str, Any]


def thing(kind: str = "ConfigMap", name: str = "a", **more: object) -> dict[str, Any]:
    return {"apiVersion": "v1", "kind": kind, "metadata": {"name": name, "namespace": "kvx"}, **more}


def test_what_the_server_writes_is_no_difference() -> None:
    live = thing(data={"a": "1"}, status={"x": 1})
    live["metadata"] |= {
        "resourceVersion": "1", "uid": "u", "generation": 3, "managedFields": [{}],
        "annotations": {"deployment.kubernetes.io/revision": "2"},
    }  # fmt: skip
    assert change_of(live, thing(data={"a": "1"})) is None


def test_a_change_is_shown_with_three_lines_around_it() -> None:
    before = thing(data={f"key-{n}": str(n) for n in range(9)})
    after = thing(data={**before["data"], "key-4": "four"})
    change = change_of(before, after)
    assert change is not None
    lines = hunks(change, yaml_of)
    assert [line for line in lines if line.startswith("-")] == ["-  key-4: '4'"]
    assert [line for line in lines if line.startswith("+")] == ["+  key-4: four"]
    assert len(lines) == 1 + 3 + 2 + 3
    assert (change.kind, change.words) == ("changed", "ConfigMap a in kvx")


def test_the_summary_counts_what_happens() -> None:
    added, removed = change_of(None, thing()), change_of(thing(name="b"), None)
    assert added is not None
    assert removed is not None
    assert summary([added, removed, removed]) == "1 added, 2 removed"
    assert summary([]) == "nothing differs"


TEXTS = st.text(alphabet=st.characters(min_codepoint=97, max_codepoint=122), min_size=8, max_size=20)


@given(st.dictionaries(TEXTS, TEXTS, max_size=4), st.dictionaries(TEXTS, TEXTS, max_size=4))
def test_no_value_of_a_secret_is_ever_shown_but_that_it_changed_is(
    old: dict[str, str], new: dict[str, str]
) -> None:
    def secret(values: Mapping[str, str]) -> dict[str, Any]:
        data = {key: base64.b64encode(f"secret-{value}".encode()).decode() for key, value in values.items()}
        return thing("Secret", data=data)

    change = change_of(secret(old), secret(new))
    assert (change is None) == (old == new)
    if change is not None:
        text = "\n".join(hunks(change, yaml_of))
        for value in (*secret(old)["data"].values(), *secret(new)["data"].values()):
            assert value not in text
        assert text, "something is seen"


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=8,
)


@given(VALUES, VALUES)
def test_an_object_differs_from_another_one_and_never_from_itself(one: object, other: object) -> None:
    assert change_of(thing(spec=one), thing(spec=one)) is None
    change = change_of(thing(spec=one), thing(spec={"a": other}))
    again = change_of(thing(spec=one), thing(spec={"a": other}))
    assert change == again


@given(st.permutations([thing(kind) for kind in (*FIRST, *WORKLOADS, "Ingress", "Widget", *LAST)]))
def test_whatever_the_order_of_the_file_the_order_of_applying_is_one(objects: list[Object]) -> None:
    kinds = [str(each["kind"]) for each in ordered(objects)]
    assert kinds == [*FIRST, *WORKLOADS, "Ingress", "Widget", *LAST]


def test_the_id_of_an_apply_set_is_that_of_the_proposal() -> None:
    """KEP-3659: applyset-<base64url(sha256(name.namespace.kind.group))>-v1, without padding."""
    digest = hashlib.sha256(b"kvx.kvx.ConfigMap.").digest()
    assert id_of("kvx") == f"applyset-{base64.urlsafe_b64encode(digest).decode().rstrip('=')}-v1"
    assert len(id_of("kvx")) <= 63, "a label's value"


def test_a_parent_says_where_its_members_are_and_is_understood_again() -> None:
    objects = [thing(), {**thing("Deployment"), "apiVersion": "apps/v1"}, thing("Namespace")]
    far = thing("Secret")
    far["metadata"]["namespace"] = "elsewhere"
    reach = reach_of([*objects, far], "kvx")
    assert reach.namespaces == {"elsewhere"}
    assert reach.group_kinds == {"ConfigMap", "Deployment.apps", "Namespace", "Secret"}
    assert reach_in(parent("kvx", reach, "kvx/v1")) == reach
    assert reach | Reach(frozenset({"Job.batch"}), frozenset()) != reach


def test_a_member_keeps_its_own_labels() -> None:
    item = thing()
    item["metadata"]["labels"] = {"a": "b"}
    assert member(item, "kvx")["metadata"]["labels"].items() >= {("a", "b")}
    assert item["metadata"]["labels"] == {"a": "b"}, "what was given is left as it was"


@given(st.integers(400, 599), VALUES, VALUES, VALUES)
def test_whatever_a_server_answers_becomes_one_line_with_a_fix(
    status: int, message: object, reason: object, details: object
) -> None:
    document = {"message": message, "reason": reason, "details": details}
    error = refusal(Answer("the API server", "ConfigMap a", status, document), reading=False)
    assert error.message
    assert error.fix
    assert error.status == status


def test_a_conflict_names_each_manager_with_its_fields() -> None:
    causes = [
        {"reason": "FieldManagerConflict", "message": 'conflict with "ada" using v1', "field": ".data.a"},
        {"reason": "FieldManagerConflict", "message": 'conflict with "ada" using v1', "field": ".data.b"},
        {"reason": "FieldManagerConflict", "message": 'conflict with "bob"', "field": ".data.c"},
    ]
    document = json.loads(json.dumps({"reason": "Conflict", "details": {"causes": causes}}))
    error = refusal(Answer("the API server", "ConfigMap a", 409, document), reading=False)
    assert "ada has set .data.a and .data.b; bob has set .data.c" in error.message
    assert error.exit_code is ExitCode.FAILED

"""What a drain asks of whom: nobody is asked to leave who would not come back."""

from collections.abc import Mapping
from typing import Any

import pytest

from voice_api.commands.executing.changes import Change, NoChange, Seen, Wanted, change_of
from voice_api.commands.executing.objects import Place

OWNER = {"ownerReferences": [{"kind": "ReplicaSet", "name": "web", "controller": True}]}
LOCAL = {"volumes": [{"name": "scratch", "emptyDir": {}}]}


def pod(
    name: str, metadata: Mapping[str, Any] = OWNER, spec: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    about = {"name": name, "namespace": "shop", "uid": name, **metadata}
    return {"metadata": about, "spec": dict(spec or {})}


def drained(*pods: Mapping[str, Any], closed: bool = False) -> Wanted:
    node = {
        "metadata": {"name": "edge", "uid": "1", "resourceVersion": "2"},
        "spec": {"unschedulable": closed},
    }
    return change_of("drain", {"node": "edge"}, Seen(Place("node", "", "edge"), node, pods), "")


@pytest.mark.parametrize(
    ("pods", "said"),
    [
        ([pod("a")], "1 pod has to move"),
        ([pod("a"), pod("b", spec=LOCAL)], "2 pods have to move, 1 of which loses files of this node"),
        (
            [pod("a", spec=LOCAL), pod("b", spec=LOCAL)],
            "2 pods have to move, 2 of which lose files of this node",
        ),
    ],
)
def test_who_has_to_move_and_what_is_lost_is_said(pods: list[dict[str, Any]], said: str) -> None:
    change = drained(*pods)
    assert isinstance(change, Change)
    assert change.said == f"empty node edge: {said}"
    assert [write.request.method for write in change.writes] == ["PATCH", *["POST"] * len(pods)]
    assert [write.request.body["deleteOptions"] for write in change.writes[1:]] == [
        {"preconditions": {"uid": each["metadata"]["uid"]}} for each in pods
    ]


@pytest.mark.parametrize(
    "metadata",
    [{}, {"ownerReferences": [{"kind": "ReplicaSet", "name": "web"}]}],
    ids=["nobody", "no controller"],
)
def test_a_pod_that_nobody_makes_again_keeps_all_from_leaving(metadata: Mapping[str, Any]) -> None:
    refused = drained(pod("a"), pod("alone", metadata))
    assert isinstance(refused, NoChange)
    assert refused.why == (
        "On edge nothing would make alone again: delete what may be lost, and ask once more."
    )
    assert not refused.already


def test_of_many_that_would_be_lost_three_are_named() -> None:
    refused = drained(*(pod(f"p{number}", {}) for number in range(5)))
    assert isinstance(refused, NoChange)
    assert "p0, p1, p2 and two more again" in refused.why


def test_a_node_that_is_empty_and_closed_is_as_it_is_wanted() -> None:
    empty = drained(closed=True)
    assert isinstance(empty, NoChange)
    assert empty.already

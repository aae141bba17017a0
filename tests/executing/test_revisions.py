"""Going back is a step from what is wanted now, and not from what its controller saw last."""

from typing import Any

import pytest

from voice_api.commands.executing.changes import Change, NoChange, Seen, Wanted, change_of
from voice_api.commands.executing.objects import Place

PLACES = {each: Place(each, "shop", "store") for each in ("deployment", "statefulset", "daemonset")}
TEMPLATE = {"spec": {"containers": [{"name": "main", "image": "example"}]}}


def replica_set(number: int) -> dict[str, Any]:
    metadata = {**owned(number), "annotations": {"deployment.kubernetes.io/revision": str(number)}}
    return {"metadata": metadata, "spec": {"template": TEMPLATE}}


def controller_revision(number: int) -> dict[str, Any]:
    return {"metadata": owned(number), "revision": number, "data": {"spec": {"template": TEMPLATE}}}


def owned(number: int) -> dict[str, Any]:
    return {"name": f"store-{number}", "ownerReferences": [{"uid": "u", "controller": True}]}


def gone_back(kind: str, revisions: int, *, seen: int | None, told: int, **values: int) -> Wanted:
    """Of a workload in generation 3, whose controller had `seen` another one, and then told that revision."""
    metadata: dict[str, Any] = {"name": "store", "uid": "u", "resourceVersion": "9", "generation": 3}
    status: dict[str, Any] = {} if seen is None else {"observedGeneration": seen}
    if kind == "deployment":
        metadata["annotations"] = {"deployment.kubernetes.io/revision": str(told)}
    if kind == "statefulset":
        status |= {"updateRevision": f"store-{told}"}
    named = {"deployment": "Deployment", "statefulset": "StatefulSet", "daemonset": "DaemonSet"}[kind]
    workload = {"kind": named, "metadata": metadata, "spec": {"template": TEMPLATE}, "status": status}
    kept = replica_set if kind == "deployment" else controller_revision
    beside = tuple(kept(number) for number in range(1, revisions + 1))
    return change_of("undo_rollout", values, Seen(PLACES[kind], workload, beside), "")


@pytest.mark.parametrize("kind", PLACES)
@pytest.mark.parametrize("seen", [2, None])
@pytest.mark.parametrize("values", [{}, {"revision": 1}])
def test_before_the_controller_has_looked_nothing_goes_back(
    kind: str, seen: int | None, values: dict[str, int]
) -> None:
    for revisions in (2, 3):
        wanted = gone_back(kind, revisions, seen=seen, told=revisions - 1, **values)
        assert isinstance(wanted, NoChange)
        assert wanted.why.endswith("has not looked at its last change yet: say it again in a moment.")


@pytest.mark.parametrize("kind", PLACES)
def test_once_it_has_looked_it_goes_back_by_one(kind: str) -> None:
    wanted = gone_back(kind, 3, seen=3, told=3)
    assert isinstance(wanted, Change)
    assert wanted.said.endswith("back to revision 2")

"""Whether a new version serves, what is in its way, and when waiting is given up."""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from shapes import OLD, deployment, event, pod, replica_set

from kvx.cluster.refused_pods import QUOTA_SECONDS
from kvx.cluster.rollout import Found, Least, complete, least_of, state_of
from kvx.cluster.trouble import Trouble, hopeless, standing, without_repetition

PATIENT = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])


def test_it_serves_once_every_pod_is_a_new_one_and_available() -> None:
    assert state_of(Found(deployment(updated=2, available=2, total=2))).served


@pytest.mark.parametrize(
    "unfinished",
    [
        deployment(updated=2, available=2, total=3),
        deployment(updated=1, available=2, total=2),
        deployment(updated=2, available=1, total=2),
        deployment(updated=2, available=2, total=2, seen=1),
        deployment(updated=0, available=0, total=0, replicas=0),
    ],
    ids=["an old pod is left", "too few are new", "too few are available", "not looked at", "none wanted"],
)
def test_until_then_it_does_not_serve(unfinished: dict[str, Any]) -> None:
    assert not state_of(Found(unfinished)).served


def autoscaler(least: int, of: str = "voice-api") -> dict[str, Any]:
    target = {"kind": "Deployment", "name": of}
    return {"kind": "HorizontalPodAutoscaler", "spec": {"minReplicas": least, "scaleTargetRef": target}}


def test_replicas_that_an_autoscaler_adds_meanwhile_are_not_waited_for() -> None:
    grown = deployment(replicas=5, updated=3, available=2, total=3)
    assert not complete(grown)
    assert complete(grown, least_of(grown, [autoscaler(2)]))


def test_what_an_autoscaler_never_goes_below_is_waited_for_though_it_has_not_looked_yet() -> None:
    young = deployment(replicas=1, updated=1, available=1, total=1)
    assert complete(young)
    assert not complete(young, least_of(young, [autoscaler(2)]))


def test_the_autoscaler_of_another_deployment_says_nothing() -> None:
    young = deployment(replicas=1, updated=1, available=1, total=1)
    assert complete(young, least_of(young, [autoscaler(2, of="another")]))


def test_replicas_that_somebody_takes_away_meanwhile_are_not_missed() -> None:
    assert complete(deployment(replicas=1, updated=1, available=1, total=1), Least(begun=3))


@PATIENT
@given(st.integers(1, 9), st.integers(1, 9), st.integers(0, 9), st.integers(0, 9), st.integers(0, 9))
def test_it_never_serves_with_too_few_available_pods_or_beside_an_old_one(
    replicas: int, floor: int, updated: int, available: int, total: int
) -> None:
    thing = deployment(replicas=replicas, updated=updated, available=available, total=total)
    if complete(thing, Least(floor, floor)):
        assert available >= floor
        assert total == updated


def test_a_quota_is_told_from_the_condition_of_the_replica_set() -> None:
    said = 'pods "v" is forbidden: exceeded quota: q, requested: pods=1, used: pods=2, limited: pods=2'
    failed = {"type": "ReplicaFailure", "status": "True", "reason": "FailedCreate", "message": said}
    state = state_of(Found(deployment(), [replica_set(created=0, conditions=[failed])]))
    assert [trouble.kind for trouble in state.troubles] == ["quota"]


def test_a_quota_is_told_from_an_event_where_there_is_no_condition() -> None:
    newest = replica_set(created=0)
    said = 'pods "v" is forbidden: exceeded quota: q, requested: pods=1, used: pods=2, limited: pods=2'
    found = Found(deployment(), [newest], events=[event(newest, "FailedCreate", said)])
    assert [trouble.kind for trouble in state_of(found).troubles] == ["quota"]


def test_a_quota_that_has_room_again_is_no_trouble() -> None:
    newest = replica_set(created=1)
    found = Found(deployment(), [newest], events=[event(newest, "FailedCreate", "exceeded quota")])
    assert not state_of(found).troubles


def test_a_quota_is_waited_for_while_pods_that_count_against_it_are_ending() -> None:
    said = 'pods "v" is forbidden: exceeded quota: q, requested: pods=1, used: pods=2, limited: pods=2'
    newest, ending = replica_set(created=0), pod(owner=OLD, running={})
    ending["metadata"]["deletionTimestamp"] = "2026-11-21T18:00:00Z"
    found = Found(deployment(), [newest], [ending], [event(newest, "FailedCreate", said)])
    (trouble,) = state_of(found).troubles
    assert hopeless((trouble,), standing({}, (trouble,), 0), 1000) is None
    (later,) = state_of(replace(found, pods=[])).troubles
    assert hopeless((later,), standing({trouble.kind: 0}, (later,), 1000), 1000) is None, (
        "patience begins anew"
    )
    assert hopeless((later,), {later.kind: 1000}, 1000 + QUOTA_SECONDS) == later


def test_pods_of_the_old_version_are_not_asked_what_is_wrong_with_them() -> None:
    broken = pod(owner=OLD, waiting={"reason": "ImagePullBackOff", "message": "no"})
    found = Found(deployment(), [replica_set(1), replica_set(2)], [broken])
    assert not state_of(found).troubles


def test_a_pod_of_the_new_version_is() -> None:
    broken = pod(waiting={"reason": "ImagePullBackOff", "message": "no"})
    found = Found(deployment(), [replica_set(1), replica_set(2)], [broken])
    assert [trouble.kind for trouble in state_of(found).troubles] == ["image"]


def test_an_event_of_a_predecessor_with_the_same_name_does_not_count() -> None:
    thing = pod(running={})
    old = event(thing, "Unhealthy", "Readiness probe failed: no")
    old["involvedObject"]["uid"] = "another"
    assert not state_of(Found(deployment(), [replica_set(2)], [thing], [old])).troubles


def test_the_latest_event_is_told_in_whatever_order_they_come() -> None:
    thing = pod(running={})
    late = event(thing, "Unhealthy", "Readiness probe failed: late", "2026-11-21T18:00:09Z")
    early = event(thing, "Unhealthy", "Readiness probe failed: early", "2026-11-21T18:00:01Z")
    (trouble,) = state_of(Found(deployment(), [replica_set(2)], [thing], [late, early])).troubles
    assert trouble.words.endswith("late")


def test_a_controller_that_does_not_look_is_told() -> None:
    assert [each.kind for each in state_of(Found(deployment(seen=1))).troubles] == ["controller"]


def test_what_kubernetes_has_given_up_is_hopeless_at_once() -> None:
    gone = {"type": "Progressing", "status": "False", "reason": "ProgressDeadlineExceeded", "message": "late"}
    troubles = state_of(Found(deployment(conditions=[gone]), [replica_set(2)])).troubles
    given_up = hopeless(troubles, standing({}, troubles, 0), 0)
    assert given_up is not None
    assert given_up.kind == "gave_up"


def test_a_deployment_scaled_to_nothing_is_told() -> None:
    state = state_of(Found(deployment(replicas=0, total=0, available=0), [replica_set(2, 0, 0)]))
    assert [trouble.kind for trouble in state.troubles] == ["scaled_to_zero"]


def test_a_node_that_no_longer_answers_is_told_and_one_that_is_gone() -> None:
    nodes = [{"metadata": {"name": "n1"}, "status": {"conditions": [{"type": "Ready", "status": "Unknown"}]}}]
    pods = [pod("a", node="n1"), pod("b", node="n2")]
    found = Found(deployment(), [replica_set(2)], pods, nodes=nodes)
    assert [trouble.pod for trouble in state_of(found).troubles] == ["a", "b"]


def test_nothing_is_said_of_nodes_that_may_not_be_looked_at() -> None:
    assert not state_of(Found(deployment(), [replica_set(2)], [pod(node="n1")], nodes=None)).troubles


def test_progress_says_how_many_are_ready_and_what_the_others_do() -> None:
    pods = [pod("a", ready=True, running={}), pod("b", running={}), pod("c", waiting={"reason": "x"})]
    state = state_of(Found(deployment(replicas=3), [replica_set(2, 3, 3)], pods))
    assert state.words == "voice-api: 1 of 3 pods of the new version ready (1 starting, 1 being made)"
    assert state.ready_pods == ("a",)


def test_enough_new_pods_are_enough_at_the_deadline_though_an_old_one_still_leaves() -> None:
    pods = [pod("a", ready=True, running={}), pod("b", ready=True, running={}), pod("c", owner=OLD)]
    beside = deployment(updated=2, available=2, total=3)
    state = state_of(Found(beside, [replica_set(1), replica_set(2, 2, 2)], pods))
    assert (state.served, state.enough) == (False, True)
    assert not state_of(Found(beside, [replica_set(2, 2, 2)], pods[:1])).enough


def test_the_same_trouble_of_several_pods_is_told_once() -> None:
    one, other = Trouble("image", "no image", "fix", pod="a"), Trouble("image", "no image", "fix", pod="b")
    (told,) = without_repetition((one, other))
    assert told.whole == "pod a no image (and so with 1 other pod)"


@PATIENT
@given(st.lists(st.booleans(), min_size=1, max_size=60))
def test_waiting_is_given_up_when_a_trouble_has_stood_for_its_patience_and_not_before(
    seen: list[bool],
) -> None:
    """One look a second; the trouble is there or not."""
    trouble, since, run = Trouble("image", "no", "fix", patience_seconds=5), {}, 0
    for second, there in enumerate(seen):
        troubles = (trouble,) if there else ()
        since = standing(since, troubles, float(second))
        run = run + 1 if there else 0
        assert (hopeless(troubles, since, float(second)) is not None) == (run > 5)


def test_a_trouble_that_may_pass_is_waited_for_until_the_deadline() -> None:
    slow = (Trouble("probe", "not ready", "fix", None),)
    assert hopeless(slow, {"probe": 0.0}, 1e9) is None

"""Rollouts of StatefulSets and DaemonSets: when they serve, what is in their way, and what stands in it."""

from typing import Any

import pytest
from shapes import event, pod

from kvx.cluster.rollout import Found, complete, in_the_way, serves_something, state_of
from kvx.cluster.serving import spoken_to, workloads_in

SET, NEWEST, OLDER = "uid-set", "postgres-2", "postgres-1"
LABEL = "controller-revision-hash"


def stateful_set(*, seen: int = 2, strategy: dict[str, Any] | None = None, **status: Any) -> dict[str, Any]:
    """At generation 2, of one replica."""
    told = {"observedGeneration": seen, "replicas": 1, "updateRevision": NEWEST, **status}
    about = {"name": "postgres", "uid": SET, "generation": 2}
    spec = {"replicas": 1, "updateStrategy": strategy or {"type": "RollingUpdate"}}
    return {"kind": "StatefulSet", "metadata": about, "spec": spec, "status": told}


def daemon_set(wanted: int, **status: Any) -> dict[str, Any]:
    told = {"observedGeneration": 2, "desiredNumberScheduled": wanted, **status}
    return {
        "kind": "DaemonSet",
        "metadata": {"name": "d", "uid": SET, "generation": 2},
        "spec": {},
        "status": told,
    }


def revision(number: int, name: str, of: str = SET) -> dict[str, Any]:
    owners = [{"uid": of, "controller": True}]
    return {"metadata": {"labels": {LABEL: name}, "ownerReferences": owners}, "revision": number}


def pod_of(version: str, **more: Any) -> dict[str, Any]:
    found = pod("postgres-0", owner=SET, **more)
    found["metadata"]["labels"] = {LABEL: version}
    return found


def test_a_stateful_set_serves_once_its_pods_are_new_and_available() -> None:
    done = stateful_set(updatedReplicas=1, availableReplicas=1)
    assert state_of(Found(done, pods=[pod_of(NEWEST, ready=True)])).served
    assert serves_something(done)


@pytest.mark.parametrize(
    "unfinished",
    [
        stateful_set(updatedReplicas=0, availableReplicas=1),
        stateful_set(updatedReplicas=1, availableReplicas=0),
        stateful_set(updatedReplicas=1, availableReplicas=1, seen=1),
        daemon_set(2, updatedNumberScheduled=1, numberAvailable=2),
        daemon_set(2, updatedNumberScheduled=2, numberAvailable=1),
    ],
    ids=["old", "not available", "not looked at", "one node is old", "one node is not available"],
)
def test_until_then_a_set_does_not_serve(unfinished: dict[str, Any]) -> None:
    assert not complete(unfinished)


def test_what_is_not_for_the_rollout_to_replace_is_not_waited_for() -> None:
    by_hand = stateful_set(strategy={"type": "OnDelete"}, updatedReplicas=0, availableReplicas=1)
    assert complete(by_hand)
    held = {"type": "RollingUpdate", "rollingUpdate": {"partition": 1}}
    assert complete(stateful_set(strategy=held, updatedReplicas=0, availableReplicas=1))


def test_a_daemon_set_serves_on_every_node_and_one_for_no_node_is_done() -> None:
    assert complete(daemon_set(2, updatedNumberScheduled=2, numberAvailable=2))
    assert complete(daemon_set(0))


def test_the_pods_of_a_daemon_sets_last_revision_are_its_new_ones() -> None:
    revisions = [revision(1, "a"), revision(3, "c", of="another"), revision(2, "b")]
    waiting = pod_of("b", waiting={"reason": "ErrImageNeverPull"})
    old = pod_of("a", waiting={"reason": "CreateContainerConfigError"})
    found = Found(daemon_set(1, numberAvailable=0, updatedNumberScheduled=1), revisions, [waiting, old])
    assert [each.kind for each in state_of(found).troubles] == ["image"]


def test_a_stateful_set_that_may_not_make_its_pod_says_why() -> None:
    item = stateful_set(replicas=0, updatedReplicas=0, availableReplicas=0)
    said = 'create Pod postgres-0 failed: pods "postgres-0" is forbidden: exceeded quota: voice-api, '
    said += "requested: limits.cpu=500m, used: limits.cpu=2, limited: limits.cpu=2"
    found = Found(item, events=[event(item, "FailedCreate", said)])
    (trouble,) = state_of(found).troubles
    assert (trouble.kind, "limits.cpu 500m more" in trouble.words) == ("quota", True)


def test_a_pod_of_an_older_version_that_cannot_start_is_in_the_way_and_a_starting_one_is_not() -> None:
    broken = pod_of(OLDER, waiting={"reason": "ErrImagePull", "message": "not found"})
    starting = pod_of(OLDER, running={})
    item = stateful_set(updatedReplicas=0, availableReplicas=0)
    assert in_the_way(Found(item, pods=[broken])) == (broken,)
    assert in_the_way(Found(item, pods=[starting])) == ()
    assert (
        in_the_way(
            Found(item, pods=[{**broken, "metadata": {**broken["metadata"], "labels": {LABEL: NEWEST}}}])
        )
        == ()
    )
    assert in_the_way(Found({**item, "spec": {"updateStrategy": {"type": "OnDelete"}}}, pods=[broken])) == ()


def server(name: str) -> dict[str, Any]:
    labels = {"app": name}
    template = {"metadata": {"labels": labels}, "spec": {"containers": [{"name": name}]}}
    about = {"name": name, "namespace": "kvx"}
    return {"kind": "Deployment", "metadata": about, "spec": {"template": template}}


def service(name: str, port: str) -> dict[str, Any]:
    spec = {"selector": {"app": name}, "ports": [{"name": port, "port": 80}]}
    return {"kind": "Service", "metadata": {"name": name, "namespace": "kvx"}, "spec": spec}


def test_sets_come_first_and_only_what_a_service_leads_to_answers_people() -> None:
    database = {**stateful_set(), "metadata": {"name": "postgres", "namespace": "kvx"}}
    voice, quiet = server("voice-api"), server("voice-processor")
    objects = [quiet, voice, database, service("voice-api", "http"), service("voice-processor", "jobs")]
    assert workloads_in(objects) == (database, quiet, voice)
    assert spoken_to(objects) == (voice,)
    assert spoken_to([database, quiet]) == (database, quiet)

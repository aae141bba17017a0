"""What is wrong with a pod, as a person reads it."""

from typing import Any

import pytest
from shapes import IMAGE, event, pod

from kvx.cluster.pods import HOPELESS_RESTARTS, troubles_of
from kvx.cluster.trouble import AT_ONCE, Trouble

NOTHING: frozenset[str] = frozenset()
PULL = (
    f'Back-off pulling image "{IMAGE}": ErrImagePull: rpc error: code = NotFound desc = failed to pull and '
    f'unpack image "{IMAGE}": failed to resolve reference "{IMAGE}": {IMAGE}: not found'
)
REFUSED = "Readiness probe failed: HTTP probe failed with statuscode: 503"


def only(thing: dict[str, Any], *events: dict[str, Any], lost: frozenset[str] = NOTHING) -> Trouble:
    (trouble,) = troubles_of(thing, events, lost)
    return trouble


def test_an_image_that_is_nowhere_is_told_in_the_words_of_the_registry() -> None:
    trouble = only(pod(waiting={"reason": "ImagePullBackOff", "message": PULL}))
    assert trouble.kind == "image"
    assert trouble.whole == f"pod voice-api-2-x cannot get its image {IMAGE}: {IMAGE}: not found"
    assert trouble.fix == f"kvx images verify {IMAGE}"
    assert trouble.patience_seconds


def test_an_older_kubelet_tells_the_words_of_the_registry_by_an_event() -> None:
    thing = pod(waiting={"reason": "ImagePullBackOff", "message": f'Back-off pulling image "{IMAGE}"'})
    said = (
        f'Failed to pull image "{IMAGE}": rpc error: code = Unknown desc = pull access denied, no such user'
    )
    assert only(thing, event(thing, "Failed", said)).words.endswith("pull access denied, no such user")


@pytest.mark.parametrize("reason", ["InvalidImageName", "ErrImageNeverPull"])
def test_an_image_that_can_never_be_had_is_not_waited_for(reason: str) -> None:
    trouble = only(pod(waiting={"reason": reason, "message": "no"}))
    assert (trouble.kind, trouble.patience_seconds) == ("image", AT_ONCE)


def test_an_image_that_had_to_be_on_the_node_is_brought_there() -> None:
    assert "kvx images push" in only(pod(waiting={"reason": "ErrImageNeverPull", "message": "no"})).fix


def test_a_missing_key_is_named() -> None:
    said = "couldn't find key KVX_VOICE_PORT in ConfigMap kvx/voice-api-settings-abc"
    trouble = only(pod(waiting={"reason": "CreateContainerConfigError", "message": said}))
    assert trouble.kind == "configuration"
    assert said in trouble.words


def test_a_crash_is_hopeless_once_it_has_happened_again_and_again() -> None:
    crashed = {"exitCode": 3, "reason": "Error"}
    waits = {"reason": "CrashLoopBackOff", "message": "back-off 10s"}
    patience = [
        only(pod(waiting=waits, last=crashed, restarts=n)).patience_seconds
        for n in range(HOPELESS_RESTARTS + 1)
    ]
    assert patience == [None] * HOPELESS_RESTARTS + [AT_ONCE]


def test_a_crash_is_told_with_its_exit_code_and_where_its_last_words_are() -> None:
    crashed = {"exitCode": 3, "reason": "Error"}
    trouble = only(pod(waiting={"reason": "CrashLoopBackOff"}, last=crashed, restarts=2))
    assert "ended with exit code 3, started 3 times" in trouble.words
    assert trouble.log == ("voice-api-2-x", "voice-api", True)


def test_the_last_words_of_what_has_just_ended_are_not_those_of_the_one_before() -> None:
    trouble = only(pod(terminated={"exitCode": 3, "reason": "Error"}))
    assert trouble.log is not None
    assert not trouble.log.previous


def test_memory_is_named_where_it_was_the_reason() -> None:
    trouble = only(pod(waiting={"reason": "CrashLoopBackOff"}, last={"exitCode": 137, "reason": "OOMKilled"}))
    assert trouble.kind == "memory"
    assert "kubernetes.size" in trouble.fix


def test_what_a_probe_has_killed_is_told_as_the_probe_failing() -> None:
    thing = pod(waiting={"reason": "CrashLoopBackOff"}, last={"exitCode": 137, "reason": "Error"}, restarts=2)
    said = 'Startup probe failed: Get "http://10.0.0.5:8484/health": connect: connection refused'
    killed = event(thing, "Killing", "Container voice-api failed startup probe, will be restarted")
    trouble = only(thing, event(thing, "Unhealthy", said), killed)
    assert trouble.kind == "probe"
    assert trouble.words.endswith(
        'startup probe failed: Get "http://10.0.0.5:8484/health": connect: connection refused'
    )


def test_what_ended_by_itself_is_a_crash_though_its_probe_found_nobody_either() -> None:
    thing = pod(waiting={"reason": "CrashLoopBackOff"}, last={"exitCode": 2, "reason": "Error"}, restarts=1)
    said = 'Startup probe failed: Get "http://10.0.0.5:8484/health": connect: connection refused'
    trouble = only(thing, event(thing, "Unhealthy", said))
    assert (trouble.kind, trouble.words) == ("crash", "ended with exit code 2, started 2 times")


def test_a_pod_that_is_not_ready_tells_what_its_probe_got_and_may_become_so() -> None:
    thing = pod(running={"startedAt": "2026-11-21T18:00:00Z"})
    trouble = only(thing, event(thing, "Unhealthy", REFUSED))
    assert trouble.words == "is not ready: readiness probe failed: HTTP probe failed with statuscode: 503"
    assert trouble.patience_seconds is None


def test_a_pod_without_a_node_tells_what_is_lacking() -> None:
    lacking = {
        "type": "PodScheduled",
        "status": "False",
        "reason": "Unschedulable",
        "message": "0/3 nodes are available: 3 Insufficient cpu. no new claims to deallocate.",
    }
    trouble = only(pod(node=None, conditions=[lacking]))
    assert trouble.words == "finds no node: 0/3 nodes are available: 3 Insufficient cpu"
    assert trouble.patience_seconds


def test_a_cluster_that_grows_for_a_pod_is_given_its_time() -> None:
    lacking = {"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": "none"}
    thing = pod(node=None, conditions=[lacking])
    assert only(thing, event(thing, "TriggeredScaleUp", "pod triggered scale-up")).patience_seconds is None


def test_a_node_that_is_gone_is_named() -> None:
    trouble = only(pod(node="n7", running={}), lost=frozenset({"n7"}))
    assert trouble.kind == "node"
    assert "n7" in trouble.words


def test_a_volume_that_cannot_be_mounted_is_told() -> None:
    thing = pod(waiting={"reason": "ContainerCreating"})
    said = 'MountVolume.SetUp failed for volume "v" : configmap "kube-root-ca.crt" not found'
    assert only(thing, event(thing, "FailedMount", said)).kind == "volume"


def test_a_pod_that_was_evicted_is_told() -> None:
    thing = pod(phase="Failed", reason="Evicted", message="The node was low on resource: memory.")
    assert "low on resource: memory" in only(thing).words


@pytest.mark.parametrize(
    "thing",
    [
        pod(ready=True, running={}),
        pod(leaving=True, waiting={"reason": "CrashLoopBackOff"}, last={"exitCode": 3}, restarts=9),
        pod(waiting={"reason": "ContainerCreating"}),
        pod(running={}),
    ],
    ids=["ready", "leaving", "being made", "starting"],
)
def test_a_pod_on_its_way_has_no_trouble(thing: dict[str, Any]) -> None:
    assert not troubles_of(thing, (), NOTHING)

"""Live names: at hand at once, never older than asked for, and given to whatever listens to commands."""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest

from voice_api.cluster.demo import DemoCluster
from voice_api.cluster.protocol import ClusterDescription, Deployment, Namespace, Node, Pod
from voice_api.commands.vocabulary import QUESTIONS, Vocabulary
from voice_api.errors import VoiceApiError


@dataclass
class ChangingCluster:
    """A cluster whose names change, that is slow, or that refuses some questions."""

    names: list[str] = field(default_factory=lambda: ["catalog"])
    refuses: set[str] = field(default_factory=set)
    may_answer: threading.Event = field(default_factory=threading.Event)
    asked: int = 0

    def __post_init__(self) -> None:
        self.may_answer.set()

    @property
    def description(self) -> ClusterDescription:
        return ClusterDescription("changing", demo=False)

    def namespaces(self) -> tuple[Namespace, ...]:
        self.asked += 1
        assert self.may_answer.wait(10)
        return self._unless_refused("namespaces", (Namespace("shop"),))

    def nodes(self) -> tuple[Node, ...]:
        return self._unless_refused("nodes", (Node("edge-1", True),))

    def pods(self, namespace: str | None) -> tuple[Pod, ...]:
        well = Pod("shop", "cart-1", "cart", "Running", True, None, 0)
        ill = Pod("shop", "payments-1", "payments", "Pending", False, "ImagePullBackOff", 0)
        return self._unless_refused("pods", (well, ill))

    def deployments(self, namespace: str | None) -> tuple[Deployment, ...]:
        return self._unless_refused("deployments", tuple(Deployment("shop", n, 1, 1) for n in self.names))

    def _unless_refused(self, kind: str, answer: Any) -> Any:
        if kind in self.refuses:
            raise VoiceApiError("cluster_forbidden", "you may not", "ask for the right", 403)
        return answer


@pytest.fixture
def cluster() -> ChangingCluster:
    return ChangingCluster()


def test_the_names_of_the_cluster_come_in_the_order_in_which_they_are_likely(
    cluster: ChangingCluster, until: Callable[..., None]
) -> None:
    names = Vocabulary(cluster)
    until(lambda: len(names.likely()) == 5)
    assert names.likely() == ("shop", "catalog", "payments", "cart", "edge-1")


def test_what_was_said_comes_first_and_what_is_no_name_is_not_kept(
    cluster: ChangingCluster, until: Callable[..., None]
) -> None:
    names = Vocabulary(cluster)
    until(lambda: len(names.likely()) == 5)
    names.said(["pods", "cart", "edge-1"])
    assert names.likely() == ("edge-1", "cart", "shop", "catalog", "payments")


def test_whoever_wants_names_never_waits_for_the_cluster(cluster: ChangingCluster) -> None:
    cluster.may_answer.clear()
    names = Vocabulary(cluster)
    started = time.monotonic()
    assert all(names.likely() == () for _ in range(100))
    assert time.monotonic() - started < 1
    assert cluster.asked <= 1, "one refresh at a time"
    cluster.may_answer.set()


def test_it_asks_again_only_after_its_time_and_forgets_what_is_gone(
    cluster: ChangingCluster, until: Callable[..., None]
) -> None:
    clock = [100.0]
    names = Vocabulary(cluster, refresh_seconds=30, clock=lambda: clock[0])
    until(lambda: len(names.likely()) == 5)
    names.said(["catalog"])
    until(lambda: not names._refreshing)
    cluster.names = ["orders"]
    clock[0] += 29
    names.likely()
    assert cluster.asked == 1
    clock[0] += 2
    until(lambda: "orders" in names.likely())
    assert "catalog" not in names.likely()


def test_a_question_that_is_refused_costs_only_its_own_names_and_keeps_those_it_had(
    cluster: ChangingCluster, until: Callable[..., None]
) -> None:
    clock = [0.0]
    cluster.refuses = {"nodes"}
    names = Vocabulary(cluster, refresh_seconds=30, clock=lambda: clock[0])
    until(lambda: len(names.likely()) == 4)
    until(lambda: not names._refreshing)
    cluster.refuses = {"namespaces", "deployments", "pods"}
    clock[0] += 31
    until(lambda: "edge-1" in names.likely())
    assert names.likely() == ("shop", "catalog", "payments", "cart", "edge-1")


def test_there_are_never_more_names_than_a_listener_can_take(
    cluster: ChangingCluster, until: Callable[..., None]
) -> None:
    cluster.names = [f"service-{number}" for number in range(2_000)]
    names = Vocabulary(cluster, most_names=500)
    until(lambda: len(names.likely()) == 500)
    assert names.likely()[0] == "shop"


def test_the_demo_cluster_has_names_too(until: Callable[..., None]) -> None:
    names = Vocabulary(DemoCluster())
    until(lambda: {"kube-system", "voice-api", "grafana", "edge-3"} <= set(names.likely()))
    assert set(QUESTIONS) == {"namespaces", "deployments", "workloads", "nodes"}


@pytest.mark.parametrize("wanted", [True, False])
def test_a_spoken_command_is_heard_with_the_live_names_unless_the_setting_says_no(
    start: Any, scripted: Any, recording: Callable[..., bytes], until: Callable[..., None], wanted: bool
) -> None:
    names, listener = Vocabulary(DemoCluster()), scripted(says="how many pods are in production")
    until(lambda: "edge-1" in names.likely())
    service = start(listener=listener, names=names, live_names=wanted)
    service.client.post("/v1/commands", content=recording(), headers={"content-type": "audio/wav"})
    assert ("grafana" in listener.options.keywords) is wanted
    service.client.post("/v1/commands", content=recording(), headers={"content-type": "audio/wav"})
    assert (listener.options.keywords[:1] == ("production",)) is wanted, "what was said comes first"
    service.client.post("/v1/audio/transcriptions", files={"file": recording()})
    assert listener.options.keywords == (), "a transcription is no command"

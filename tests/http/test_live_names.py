"""Live names: at hand at once, never older than asked for, and given to whatever listens to commands."""

import io
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest
import soundfile

from voice_api.cluster.demo import DemoCluster
from voice_api.cluster.protocol import (
    ClusterDescription,
    Deployment,
    ListsOnly,
    Named,
    Namespace,
    Node,
    Pod,
    named_by_lists,
)
from voice_api.commands.core import CommandCore
from voice_api.commands.vocabulary import Vocabulary
from voice_api.errors import VoiceApiError

WAV = {"content-type": "audio/wav"}


@dataclass
class ChangingCluster:
    """A cluster whose names change, that is slow, or that cannot be asked."""

    names: list[str] = field(default_factory=lambda: ["catalog"])
    refuses: bool = False
    may_answer: threading.Event = field(default_factory=threading.Event)
    asked: int = 0

    contexts = ("changing",)
    explorer = ListsOnly()

    def __post_init__(self) -> None:
        self.may_answer.set()

    @property
    def description(self) -> ClusterDescription:
        return ClusterDescription("changing", demo=False)

    def named(self) -> tuple[Named, ...]:
        self.asked += 1
        assert self.may_answer.wait(100)
        if self.refuses:
            raise VoiceApiError("cluster_forbidden", "you may not", "ask for the right", 403)
        return (
            Named("node", "", "edge-1"),
            Named("pod", "shop", "cart-77f8b9d6c5-m4nzs"),
            Named("statefulset", "shop", "cart"),
            *(Named("deployment", "shop", name) for name in self.names),
            Named("namespace", "", "shop"),
        )

    def namespaces(self) -> tuple[Namespace, ...]:
        return ()

    def nodes(self) -> tuple[Node, ...]:
        return ()

    def pods(self, namespace: str | None) -> tuple[Pod, ...]:
        return ()

    def deployments(self, namespace: str | None) -> tuple[Deployment, ...]:
        return ()


@pytest.fixture
def cluster() -> ChangingCluster:
    return ChangingCluster()


def test_the_names_of_the_cluster_come_in_the_order_in_which_they_are_likely(
    cluster: ChangingCluster, until: Callable[..., None]
) -> None:
    names = Vocabulary(cluster)
    until(lambda: names.likely() == ("shop", "catalog", "cart", "edge-1"))
    assert names.namespaces() == ("shop",)


def test_what_was_said_comes_first_and_what_is_no_name_is_not_kept(
    cluster: ChangingCluster, until: Callable[..., None]
) -> None:
    names = Vocabulary(cluster)
    until(lambda: len(names.likely()) == 4)
    names.said(["pods", "cart", "edge-1"])
    assert names.likely() == ("edge-1", "cart", "shop", "catalog")
    assert names.likely() is names.likely()


def test_whoever_wants_names_never_waits_for_the_cluster(cluster: ChangingCluster) -> None:
    cluster.may_answer.clear()
    names = Vocabulary(cluster)
    started = time.monotonic()
    assert all(names.likely() == () for _ in range(100))
    assert time.monotonic() - started < 60
    assert cluster.asked <= 1, "one refresh at a time"
    cluster.may_answer.set()


def test_it_asks_again_only_after_its_time_and_forgets_what_is_gone(
    cluster: ChangingCluster, until: Callable[..., None]
) -> None:
    clock = [100.0]
    names = Vocabulary(cluster, refresh_seconds=30, clock=lambda: clock[0])
    until(lambda: len(names.likely()) == 4)
    names.said(["catalog"])
    until(lambda: not names._refreshing)
    cluster.names = ["orders"]
    clock[0] += 29
    names.likely()
    assert cluster.asked == 1
    clock[0] += 2
    until(lambda: "orders" in names.likely())
    assert "catalog" not in names.likely()


def test_names_that_cannot_be_had_now_stay_what_they_were(
    cluster: ChangingCluster, until: Callable[..., None]
) -> None:
    clock = [0.0]
    names = Vocabulary(cluster, refresh_seconds=30, clock=lambda: clock[0])
    until(lambda: len(names.likely()) == 4)
    until(lambda: not names._refreshing)
    cluster.refuses = True
    clock[0] += 31
    until(lambda: names.likely() and cluster.asked == 2 and not names._refreshing)
    assert names.likely() == ("shop", "catalog", "cart", "edge-1")


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


@pytest.mark.parametrize("settings", [{}, {"live_names": False}])
def test_a_spoken_command_has_the_live_names_at_hand_unless_the_setting_says_no(
    start: Any,
    scripted: Any,
    recording: Callable[..., bytes],
    until: Callable[..., None],
    settings: dict[str, bool],
) -> None:
    wanted = not settings
    names, listener = Vocabulary(DemoCluster()), scripted(says="how many pods are in production")
    until(lambda: "edge-1" in names.likely())
    service = start(listener=listener, names=names, **settings)
    service.client.post("/v1/commands", content=recording(), headers=WAV)
    assert (listener.options.live is not None) is wanted
    assert listener.options.keywords == (), "none is favoured at first"
    service.client.post("/v1/commands", content=recording(), headers=WAV)
    if wanted:
        assert "grafana" in listener.options.live.names
        assert listener.options.live.names[0] == "production", "what was said comes first"
        assert listener.options.live.until < time.monotonic() + service.service.settings.request_seconds / 2
    service.client.post("/v1/audio/transcriptions", files={"file": recording()})
    assert (listener.options.keywords, listener.options.live) == ((), None), "a transcription is no command"


DEMO_SENTENCES = ["how many pods are not ready", "which pods are not ready", "list the deployments"]


@pytest.mark.parametrize("voice", ["en-us", "en+f2", "en-us+paul"])
@pytest.mark.parametrize("sentence", DEMO_SENTENCES)
def test_with_the_demo_clusters_names_a_question_is_heard_as_it_was_asked(
    demo: Any, engines: Any, voice: str, sentence: str
) -> None:
    answer = _spoken(demo, engines, sentence, voice)
    assert answer["heard"]["text"] == sentence
    assert answer["heard"]["without_names"] is None
    assert (answer["status"] == "SUCCESS") is not answer["heard"]["doubtful"]
    assert "decode_names" not in answer["timings_ms"]


@pytest.fixture
def demo(start: Any, until: Callable[..., None]) -> Any:
    names = Vocabulary(DemoCluster())
    until(lambda: {"redis", "edge-1"} <= set(names.likely()))
    return start(names=names)


@dataclass
class Zoo:
    """Stands for a cluster with namespaces that the model spells otherwise by itself."""

    names: tuple[str, ...] = ("gopher", "kestrel")
    contexts = ("zoo",)
    explorer = ListsOnly()

    def named(self) -> tuple[Named, ...]:
        return tuple(named_by_lists(self))

    @property
    def description(self) -> ClusterDescription:
        return ClusterDescription("zoo", demo=False)

    def namespaces(self) -> tuple[Namespace, ...]:
        return tuple(map(Namespace, self.names))

    def nodes(self) -> tuple[Node, ...]:
        return ()

    def pods(self, namespace: str | None) -> tuple[Pod, ...]:
        return ()

    def deployments(self, namespace: str | None) -> tuple[Deployment, ...]:
        return ()


def test_a_namespace_that_was_not_heard_as_it_is_written_is_heard_in_a_second_hearing(
    start: Any, engines: Any, until: Callable[..., None]
) -> None:
    names = Vocabulary(Zoo())
    until(lambda: names.likely() == ("gopher", "kestrel"))
    service = start(names=names, commands=CommandCore(Zoo()))
    sentence = "list the deployments in kestrel"
    answer = _spoken(service, engines, sentence, "en-us")
    assert answer["text"] == answer["heard"]["text"] == sentence
    assert answer["heard"]["without_names"] not in (None, sentence)
    assert answer["timings_ms"]["decode_names"] > 0
    _spoken(service, engines, "how many pods are not ready", "en-us")
    figures = service.service.figures.text().decode()
    for line in (
        'kvx_voice_live_names_total{outcome="taken"} 1.0',
        'kvx_voice_live_names_total{outcome="unneeded"} 1.0',
        'kvx_voice_live_names_total{outcome="kept"} 0.0',
        'kvx_voice_stage_seconds_count{stage="decode_names"} 1.0',
    ):
        assert line in figures


def test_a_namespace_that_is_younger_than_the_live_names_is_not_exchanged_for_one_of_them(
    start: Any, engines: Any, until: Callable[..., None]
) -> None:
    zoo = Zoo()
    names = Vocabulary(zoo)
    until(lambda: names.likely() == zoo.names)
    service = start(names=names, commands=CommandCore(zoo))
    sound = _sound(engines, "list the deployments in kestrel", "en-us")  # never the same twice
    first = _asked(service, sound)["heard"]["without_names"]
    zoo.names = ("gopher", "kestrel", first.split()[-1])
    answer = _asked(service, sound)
    assert (answer["heard"]["text"], answer["heard"]["without_names"]) == (first, None)


def test_a_wish_to_change_something_is_never_exchanged_for_what_a_name_would_make_of_it(
    start: Any, engines: Any, until: Callable[..., None]
) -> None:
    names = Vocabulary(Zoo())
    until(lambda: names.likely() == ("gopher", "kestrel"))
    service = start(names=names, commands=CommandCore(Zoo()))
    answer = _spoken(service, engines, "restart gopher", "en-us")
    assert answer["status"] in ("ERROR", "NEEDS_CLARIFICATION")
    assert answer["heard"]["without_names"] is None
    assert 'kvx_voice_live_names_total{outcome="unneeded"} 1.0' in service.service.figures.text().decode()


def _spoken(service: Any, engines: Any, sentence: str, voice: str) -> Any:
    return _asked(service, _sound(engines, sentence, voice))


def _asked(service: Any, sound: bytes) -> Any:
    return service.client.post("/v1/commands", content=sound, headers=WAV).json()


def _sound(engines: Any, sentence: str, voice: str) -> bytes:
    file, speaker = io.BytesIO(), engines.speaker
    sound = np.concatenate(list(speaker.speak(sentence, voice, 1.0)))
    soundfile.write(file, sound, speaker.sample_rate, format="WAV", subtype="PCM_16")
    return file.getvalue()

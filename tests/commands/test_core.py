"""The command core answers whatever it is given, and tells where its answer comes from."""

import gc
import json
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

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
from voice_api.commands.core import CommandCore, Reply
from voice_api.errors import VoiceApiError

HEALTHY = Pod("ns", "web-1", "web", "Running", ready=True, reason=None, restarts=0)
DEMO = CommandCore(DemoCluster())
EIGHT_EVICTED = (
    "Eight pods are not ready: "
    "two of a in ns, evicted; two of b in ns, evicted; two of c in ns, evicted; two more."
)


@dataclass(frozen=True)
class SmallCluster:
    """A cluster of exactly these objects; `failure` is raised by every question if there is one."""

    pod_list: tuple[Pod, ...] = ()
    deployment_list: tuple[Deployment, ...] = ()
    names: tuple[str, ...] = ("ns",)
    failure: VoiceApiError | None = None
    explorer = ListsOnly()
    contexts = ("small",)

    def named(self) -> tuple[Named, ...]:
        return tuple(named_by_lists(self))

    @property
    def description(self) -> ClusterDescription:
        return ClusterDescription("small", demo=False)

    def namespaces(self) -> tuple[Namespace, ...]:
        self._fail()
        return tuple(Namespace(name) for name in self.names)

    def nodes(self) -> tuple[Node, ...]:
        self._fail()
        return (Node("a", ready=True), Node("b", ready=False))

    def pods(self, namespace: str | None) -> tuple[Pod, ...]:
        self._fail()
        return tuple(pod for pod in self.pod_list if namespace in {None, pod.namespace})

    def deployments(self, namespace: str | None) -> tuple[Deployment, ...]:
        self._fail()
        return tuple(each for each in self.deployment_list if namespace in {None, each.namespace})

    def _fail(self) -> None:
        if self.failure:
            raise self.failure


def troubled(workload: str, reason: str | None, phase: str = "Running") -> Pod:
    return replace(HEALTHY, name=f"{workload}-1", workload=workload, ready=False, reason=reason, phase=phase)


def said(cluster: SmallCluster, text: str) -> str:
    return CommandCore(cluster).answer(text).reply


@given(st.text(max_size=700))
@settings(max_examples=300)
def test_any_text_is_answered(text: str) -> None:
    reply = DEMO.answer(text)
    assert reply.status in {"SUCCESS", "ERROR", "NEEDS_CLARIFICATION"}
    assert reply.reply.isprintable()
    assert "demo cluster" in str(reply.data["notice"])
    json.dumps(dict(reply.data))


KNOWN_WORDS = (
    "how many pods nodes are is in the not ready list deployments production shop kube system all any which "
    "show me namespace delete scale one two and then please everything deployed there do we have"
)
SAYABLE = st.sampled_from(KNOWN_WORDS.split())


@given(st.lists(SAYABLE, max_size=40).map(" ".join))
@settings(max_examples=300)
def test_any_order_of_known_words_is_answered(text: str) -> None:
    assert DEMO.answer(text).reply


def answered_in(text: str) -> tuple[Reply, float]:
    """The answer, and the least seconds of work of three, without what other tests left to be collected."""
    gc.collect()
    gc.disable()
    try:
        took = []
        for _ in range(3):
            started = time.process_time()
            reply = DEMO.answer(text)
            took.append(time.process_time() - started)
    finally:
        gc.enable()
    return reply, min(took)


@pytest.mark.parametrize(
    "text",
    [
        "a" * 65_536,
        "how many pods are in " + "production " * 6_000,
        "\x00\x01\x02\x1b]0;title\x07" * 4_000,
        "\u202e\u200b\u0301" * 20_000,
        "\ufdfa" * 65_536,
        "\U0001f9ff" * 16_384,
        "(" * 65_536,
        "{namespace}" * 6_000,
        "\ud800how many pods are there",
    ],
)
def test_hostile_text_is_answered_at_once(text: str) -> None:
    reply, seconds = answered_in(text)
    assert seconds < 0.5
    assert len(reply.reply) < 400
    assert len(json.dumps(dict(reply.data))) < 2_000


@pytest.mark.parametrize(
    "text",
    [
        "how many pods are in " + "the " * 110,
        "how many pods are in " + "in namespace " * 35,
        "how many " * 50,
        "are all the pods in " * 24,
        "which pods in not ready " * 20,
        "list all the deployments in all " * 15,
    ],
)
def test_repetition_costs_no_time(text: str) -> None:
    reply, seconds = answered_in(text)
    assert reply.status == "NEEDS_CLARIFICATION"
    assert seconds < 0.25


def test_the_end_of_a_long_text_is_not_left_out_in_silence() -> None:
    reply = DEMO.answer("how many pods are there" + " " * 600 + "in mars")
    assert reply.status == "NEEDS_CLARIFICATION"
    assert reply.reply.startswith("That is too long for a command.")


def test_template_syntax_in_the_text_is_only_text() -> None:
    assert DEMO.answer("how many {kind} are <exist> [in] (production)").status == "NEEDS_CLARIFICATION"


def test_a_real_cluster_is_named_and_gets_no_notice() -> None:
    data = CommandCore(SmallCluster()).answer("how many nodes are there").data
    assert data["cluster"] == {"name": "small", "demo": False}
    assert "notice" not in data


def test_the_time_line_is_that_of_the_clock() -> None:
    ticks = iter((10.0, 10.25, 11.0))
    reply = CommandCore(DemoCluster(), clock=lambda: next(ticks)).answer("how many pods are there")
    assert reply.timings_ms == {"interpret": 250.0, "act": 750.0}


def test_a_failing_cluster_is_spoken_about_with_its_fix_in_the_data() -> None:
    failure = VoiceApiError("cluster_unreachable", "The cluster small cannot be reached.", "Start it.", 503)
    reply = CommandCore(SmallCluster(failure=failure)).answer("how many pods are in production")
    assert (reply.status, reply.reply) == ("ERROR", "The cluster small cannot be reached.")
    assert reply.data["error"] == {
        "code": "cluster_unreachable",
        "message": "The cluster small cannot be reached.",
        "fix": "Start it.",
    }
    assert reply.intent is not None
    assert reply.intent.name == "count"


def test_what_is_not_understood_does_not_ask_the_cluster() -> None:
    failure = VoiceApiError("cluster_unreachable", "Down.", "Start it.")
    assert CommandCore(SmallCluster(failure=failure)).answer("good morning").status == "NEEDS_CLARIFICATION"


def test_a_question_back_carries_its_candidates() -> None:
    reply = CommandCore(SmallCluster(names=("team-1", "team-2", "team-3", "team-4"))).answer(
        "how many pods are in team"
    )
    which = "one, team-1; two, team-2; or three, team-3"
    assert reply.reply == f"I am not sure about team. Did you mean {which}?"
    assert reply.data["argument"] == "namespace"
    assert reply.data["candidates"] == ["team-1", "team-2", "team-3"]
    assert reply.intent is not None
    assert dict(reply.intent.arguments) == {"kind": "pods"}


@pytest.mark.parametrize(
    ("pods", "spoken"),
    [
        ((), "There are no pods."),
        ((HEALTHY,), "There is one pod, ready."),
        ((HEALTHY, replace(HEALTHY, name="web-2")), "There are two pods, all ready."),
        ((troubled("db", None),), "There is one pod, one not ready."),
        (
            (HEALTHY, troubled("db", None), replace(troubled("job", None), phase="Succeeded")),
            "There are three pods, one not ready and one finished.",
        ),
    ],
)
def test_pods_are_counted_in_plain_words(pods: tuple[Pod, ...], spoken: str) -> None:
    assert said(SmallCluster(pods), "how many pods are there") == spoken


@pytest.mark.parametrize(
    ("pods", "spoken"),
    [
        ((), "There are no pods."),
        ((HEALTHY,), "The only pod is ready."),
        ((replace(troubled("job", None), phase="Succeeded"),), "The only pod is ready."),
        ((troubled("db", "OOMKilled"),), "One pod is not ready: db in ns, out of memory."),
        ((troubled("db", None, "Pending"),), "One pod is not ready: db in ns, waiting to start."),
        ((troubled("db", "WeirdNewThing<b>"),), "One pod is not ready: db in ns, weird new thing b."),
        ((troubled("db", "!!!"),), "One pod is not ready: db in ns, not ready."),
        (
            (troubled("db", "Error"), *(troubled("web", "OOMKilled"),) * 3),
            "Four pods are not ready: three of web in ns, out of memory; db in ns, ended with an error.",
        ),
        (
            (*(troubled(name, "Evicted") for name in "abcd"), troubled("d", "Evicted")),
            "Five pods are not ready: two of d in ns, evicted; a in ns, evicted; b in ns, evicted; one more.",
        ),
        (tuple(troubled(name, "Evicted") for name in "aabbccdd"), EIGHT_EVICTED),
        (
            tuple(troubled(name, "Evicted") for name in "abcde"),
            "Five pods are not ready: a in ns, evicted; b in ns, evicted; c in ns, evicted; two more.",
        ),
    ],
)
def test_pods_that_are_not_ready_are_named_with_the_reason(pods: tuple[Pod, ...], spoken: str) -> None:
    assert said(SmallCluster(pods), "which pods are not ready") == spoken


def test_many_deployments_are_said_shortly_and_listed_in_the_data() -> None:
    many = tuple(Deployment("ns", f"app-{index}", 1, 1) for index in range(250))
    reply = CommandCore(SmallCluster(deployment_list=many)).answer("list the deployments")
    assert reply.reply.endswith("app-6, app-7 and 242 more.")
    assert len(reply.data["deployments"]) == 100
    assert reply.data["count"] == 250


def test_a_node_that_is_not_ready_is_counted_as_such() -> None:
    assert said(SmallCluster(), "how many nodes are there") == "There are two nodes, one not ready."


def test_several_threads_may_ask_at_once() -> None:
    questions = ("how many pods are there", "list deployments in shop")
    with ThreadPoolExecutor(4) as pool:
        replies = list(pool.map(lambda turn: DEMO.answer(questions[turn % 2]).reply, range(60)))
    assert set(replies[::2]) == {"There are 24 pods, two not ready."}
    assert set(replies[1::2]) == {"There are three deployments in shop: frontend, checkout and cart."}

"""What is understood stays as it was heard; what a live name makes clear is taken instead."""

import pytest

from voice_api.cluster.demo import NAMESPACES, DemoCluster
from voice_api.cluster.protocol import ClusterDescription, Named
from voice_api.commands.core import CommandCore
from voice_api.commands.understanding import Understanding
from voice_api.errors import VoiceApiError


@pytest.fixture(scope="module")
def known() -> Understanding:
    return CommandCore(DemoCluster()).understanding(NAMESPACES)


@pytest.mark.parametrize(
    "heard",
    [
        "how many pods are not ready",
        "how many pots are not ready",
        "which pods are not ready in production",
        "how many pods are in prod",
        "How many pods are in Kube System?",
        "list the deployments",
    ],
)
def test_what_is_understood_as_it_stands_is_settled(known: Understanding, heard: str) -> None:
    assert known.settled(heard)


@pytest.mark.parametrize(
    "heard",
    [
        "how many pods are not redis",
        "how many pods are in prodaction",
        "how many pods are in shock",
        "how many bots are there",
        "are in monitor ring",
    ],
)
def test_what_is_not_understood_to_the_name_is_not_settled(known: Understanding, heard: str) -> None:
    assert not known.settled(heard)


@pytest.mark.parametrize(
    "heard",
    ["restart gofer", "delete the shock namespace", "do not delete anything", "", "please", "pods " * 200,
     "yes", "no", "never mind", "four seven", "the second"],
)  # fmt: skip
def test_a_wish_to_change_an_answer_and_what_no_name_could_save_stay_as_they_were_heard(
    known: Understanding, heard: str
) -> None:
    assert known.settled(heard)
    assert not known.better(heard, than="how many bots")


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("how many pods are in prodaction", "how many pods are in production"),
        ("which pods are not ready in cube sister", "which pods are not ready in kube system"),
        ("how any gods are in shop", "how many pods are in shop"),
    ],
)
def test_a_second_hearing_that_names_something_live_is_better(
    known: Understanding, first: str, second: str
) -> None:
    assert known.better(second, than=first)


@pytest.mark.parametrize(
    ("first", "second", "why"),
    [
        ("how many pods are in prodaction", "how many pods are in productions", "not exactly a live name"),
        ("how many pods are in prodaction", "how many pods are not redis", "no question"),
        ("how many pods are in redish", "how many pods are in redis", "a name, and none of a namespace"),
        ("how many pods are in prodaction", "how many nodes are in production", "another kind"),
        ("how many pods are in prodaction", "which pods are not ready in production", "another question"),
        ("how many pods are in prodaction", "how many pods are there", "the name is gone"),
        ("how many pods are in shock", "delete the shop namespace", "a wish to change"),
        ("yes", "yes production", "no question"),
    ],
)
def test_a_second_hearing_is_not_better_for_a_name_alone(
    known: Understanding, first: str, second: str, why: str
) -> None:
    assert not known.better(second, than=first), why


def test_a_name_that_two_namespaces_are_spoken_as_is_not_certain() -> None:
    known = CommandCore(DemoCluster()).understanding(("web-app", "webapp"))
    assert not known.settled("how many pods are in web app")


def test_nothing_is_asked_of_the_cluster_to_judge_a_sentence() -> None:
    class NobodyThere:
        description = ClusterDescription("nobody", demo=False)

    known = CommandCore(NobodyThere()).understanding(("shop",))  # type: ignore[arg-type]  # must not be asked
    assert known.settled("how many pods are in shop")
    assert not known.settled("how many pods are in shock")


def test_what_is_understood_now_is_asked_of_the_cluster_and_not_known_where_it_does_not_answer() -> None:
    class NoAnswer:
        description = ClusterDescription("silent", demo=False)

        def named(self) -> tuple[Named, ...]:
            raise VoiceApiError("cluster_unreachable", "nobody answers", "look at the cluster", 503)

    assert CommandCore(DemoCluster()).understood("how many pods are in shop")
    assert not CommandCore(DemoCluster()).understood("how many pods are in shock")
    assert not CommandCore(NoAnswer()).understood("how many pods")  # type: ignore[arg-type]  # asked no more

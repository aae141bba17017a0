"""Another cluster is gone to by its name, and what is changed there is asked about with that name."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace

import pytest
from lab import Lab

from voice_api.cluster.protocol import ClusterDescription
from voice_api.commands.confirmation.store import PendingsInMemory
from voice_api.commands.conversation.acting import Acting, Looking, Opened
from voice_api.commands.conversation.turn import Turn
from voice_api.commands.core import CommandCore, Reply
from voice_api.commands.language.check import interpreter
from voice_api.commands.policy import User
from voice_api.commands.registry.declaring import EVERYWHERE
from voice_api.errors import VoiceApiError

ADA = User("ada", frozenset({"operator"}), EVERYWHERE)
KEY = b"k" * 32
LANGUAGE = interpreter()


@dataclass
class Field(Lab):
    """The other cluster."""

    uid: str = "uid-of-the-field"

    @property
    def description(self) -> ClusterDescription:
        return ClusterDescription("field", demo=False)


@dataclass
class Two:
    """A person who talks about two clusters."""

    lab: Lab = field(default_factory=Lab)
    far: Field = field(default_factory=Field)
    store: PendingsInMemory = field(default_factory=PendingsInMemory)
    opened: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        acting = Acting(self.lab, KEY, self.store, opens=self.opens)  # type: ignore[arg-type]
        self.core = CommandCore(self.lab, LANGUAGE, acting)  # type: ignore[arg-type]

    def opens(self, context: str) -> Opened:
        self.opened.append(context)
        return self.far, self.far  # type: ignore[return-value]

    def __call__(self, text: str, **other: object) -> Reply:
        return self.core.answer(text, replace(Turn(ADA, "kitchen"), **other))  # type: ignore[arg-type]


@pytest.fixture
def two() -> Two:
    return Two()


def test_a_change_happens_where_the_conversation_is(two: Two) -> None:
    assert two("switch to cluster field").data["cluster"] == {"name": "field", "demo": False}
    asked = two("scale cart to five in shop")
    assert asked.reply == "Shall I scale cart in shop from 3 to 5 replicas, in the cluster field?"
    assert two("yes").status == "SUCCESS"
    assert (two.far.objects["shop", "cart"].replicas, two.lab.objects["shop", "cart"].replicas) == (5, 3)


def test_the_first_cluster_is_named_in_questions_as_well(two: Two) -> None:
    assert "in the cluster lab?" in two("restart cart in shop").reply


def test_what_waits_for_a_yes_does_not_follow_into_another_cluster(two: Two) -> None:
    two("scale cart to five in shop")
    two("switch to cluster field")
    assert two("yes").status != "SUCCESS"
    two("switch to cluster lab")
    assert two("yes").status != "SUCCESS"
    assert not two.lab.orders + two.far.orders


def test_a_cluster_is_opened_once_and_one_can_go_back(two: Two) -> None:
    for name in ("field", "lab", "field"):
        assert two(f"switch to cluster {name}").reply == f"Now in the cluster {name}."
        assert two("where am i").data["context"] == name
    assert two.opened == ["field"]


def test_a_cluster_that_does_not_answer_can_be_left_but_not_gone_to(two: Two) -> None:
    def silent() -> str:
        raise VoiceApiError("cluster_unreachable", "The cluster cannot be reached.", "Look.", 502)

    two.lab.cluster_uid = silent  # type: ignore[method-assign]
    assert two("restart cart in shop").reply == "The cluster cannot be reached."
    two("switch to cluster field")
    assert two("where am i").data["context"] == "field"
    other = Two()
    other.far.cluster_uid = silent  # type: ignore[method-assign]
    assert other("switch to cluster field").reply == "The cluster cannot be reached."
    assert other("where am i").data["context"] == "lab"


def test_names_are_those_of_the_cluster_that_is_spoken_of(two: Two) -> None:
    two.far.objects = {("shop", "orchard"): two.far.objects["shop", "cart"]}
    assert two("restart orchard").status == "NEEDS_CLARIFICATION"
    two("switch to cluster field")
    assert two("restart orchard").status == "REQUIRES_CONFIRMATION"


def test_going_elsewhere_and_doing_something_there_are_two_sentences(two: Two) -> None:
    reply = two("switch to cluster field and restart cart in shop")
    assert reply.status == "NEEDS_CLARIFICATION"
    assert two("where am i").data["context"] == "lab"


@pytest.mark.parametrize("parts", [Looking, lambda opens: Acting(Lab(), KEY, opens=opens)])  # type: ignore[arg-type]
def test_a_cluster_that_cannot_be_used_is_not_gone_to(parts: Callable[..., object]) -> None:
    def broken(_: str) -> Opened:
        raise VoiceApiError("kubeconfig_invalid", "The kubeconfig cannot be used.", "Correct it.", 500)

    core = CommandCore(Lab(), LANGUAGE, parts(broken))  # type: ignore[arg-type]
    turn = Turn(ADA, "kitchen")
    assert core.answer("switch to cluster field", turn).reply == "The kubeconfig cannot be used."
    assert core.answer("where am i", turn).data["context"] == "lab"


def test_who_only_looks_goes_to_another_cluster_too(two: Two) -> None:
    core = CommandCore(two.lab, LANGUAGE, Looking(lambda _: (two.far, None)))  # type: ignore[arg-type, return-value]
    turn = Turn(ADA, "kitchen")
    core.answer("switch to cluster field", turn)
    assert core.answer("where am i", turn).data["context"] == "field"
    assert (
        core.answer("restart cart in shop", turn).reply
        == "I can only read here, so I did not restart anything."
    )

"""Who is for one environment asks about that one, and about nothing that nobody has named."""

from dataclasses import dataclass, field, replace

import pytest
from conftest import ADA, Talk

from voice_api.cluster.requests import Answered, Sent
from voice_api.commands.executing.environments import KNOWN_SECONDS, Environments
from voice_api.commands.level import Environment

TESTER = replace(ADA, name="tess", environments=frozenset({"staging"}))
QUESTIONS = ("describe cart in shop", "show the nodes", "what is wrong with cart in shop", "events in shop")


@pytest.mark.parametrize("question", QUESTIONS)
@pytest.mark.parametrize("environment", ["production", None])
def test_a_question_about_another_environment_is_refused_and_recorded(
    talk: Talk, question: str, environment: Environment | None
) -> None:
    talk.lab.environment = environment
    reply = talk(question, user=TESTER)
    assert (reply.status, reply.data["error"]["code"]) == ("PERMISSION_DENIED", "policy_user_environment")  # type: ignore[index]
    assert reply.reply.startswith("tess is not for production.")
    assert [(event, security) for event, security, _ in talk.lab.events] == [("denied", True)]


def test_a_question_about_ones_own_environment_is_answered(talk: Talk) -> None:
    assert talk("describe cart in shop", user=TESTER).status == "SUCCESS"


@pytest.mark.parametrize("question", ["who am i", "where am i", "what can i say", "what did i do"])
def test_whoever_has_no_environment_may_ask_about_the_conversation(talk: Talk, question: str) -> None:
    talk.lab.environment = "production"
    assert talk(question, user=TESTER).status == "SUCCESS"


def test_a_question_about_the_whole_cluster_says_what_to_do(talk: Talk) -> None:
    talk.lab.environment = None
    assert talk("show the nodes", user=TESTER).reply.endswith("Name a namespace that is yours.")


@dataclass
class Labelled:
    """The namespaces of an API server, each with its environment; counts how often it is asked."""

    labels: dict[str, str]
    asked: list[str] = field(default_factory=list)

    def send(self, request: Sent) -> Answered:
        name = request.path.rpartition("/")[2]
        self.asked.append(name)
        if name not in self.labels:
            return Answered(404, {})
        return Answered(200, {"metadata": {"labels": {"kvx.dev/environment": self.labels[name]}}})


def test_an_environment_is_known_for_a_moment_and_then_looked_at_again() -> None:
    now = [0.0]
    server = Labelled({"shop": "staging", "odd": "playground"})
    found = Environments(server, "development", lambda: now[0])  # type: ignore[arg-type]
    assert (found.of("shop"), found.of("shop"), found.of("")) == ("staging", "staging", "development")
    assert found.of("odd") == "production", "a label that nobody knows counts as the gravest"
    assert server.asked == ["shop", "odd"]
    server.labels["shop"] = "production"
    now[0] = KNOWN_SECONDS
    assert found.of("shop") == "production"

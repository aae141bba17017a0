"""A program has the functions of its user, by the same gates; to what changes a person has to agree."""

import json
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

sys.path.append(str(Path(__file__).parents[1] / "conversation"))

from lab import Lab

from voice_api.commands.confirmation.store import PendingsInMemory
from voice_api.commands.conversation.acting import Acting
from voice_api.commands.core import CommandCore
from voice_api.commands.language.check import interpreter
from voice_api.commands.policy import User
from voice_api.commands.registry.builtin import BUILT_IN
from voice_api.commands.registry.declaring import EVERYWHERE
from voice_api.mcp.session import VERSIONS, Session

ADA = User("ada", frozenset({"operator"}), EVERYWHERE)
ANN = User("ann", frozenset({"viewer"}), EVERYWHERE)
LANGUAGE = interpreter()
CHANGES = {name for name, each in BUILT_IN.items() if each.level != "READ_ONLY"}


@dataclass
class Client:
    """Speaks the protocol as a client does: counts its requests and keeps what came back."""

    session: Session
    lab: Lab
    sent: int = 0
    came: list[dict[str, Any]] = field(default_factory=list)

    def say(self, **message: Any) -> list[dict[str, Any]]:
        line = json.dumps({"jsonrpc": "2.0", **message}).encode()
        self.came = [json.loads(json.dumps(each)) for each in self.session.heard(line)]
        return self.came

    def ask(self, method: str, **params: Any) -> dict[str, Any]:
        self.sent += 1
        (reply,) = self.say(id=self.sent, method=method, params=params)
        return reply

    def begin(self, **capabilities: Any) -> "Client":
        begun = self.ask("initialize", protocolVersion=VERSIONS[0], capabilities=capabilities, clientInfo={})
        assert begun["result"]["capabilities"] == {"tools": {}}
        assert self.say(method="notifications/initialized") == []
        return self

    def call(self, tool: str, /, **arguments: Any) -> dict[str, Any]:
        return self.ask("tools/call", name=tool, arguments=arguments)

    def answer(self, asked: dict[str, Any], **result: Any) -> dict[str, Any]:
        (reply,) = self.say(id=asked["id"], result=result)
        return reply

    def replicas(self) -> int:
        return self.lab.objects["shop", "cart"].replicas


Makes = Callable[..., Client]


@pytest.fixture
def client() -> Makes:
    def make(user: User = ADA, session: str = "agent") -> Client:
        lab = Lab()
        core = CommandCore(lab, LANGUAGE, Acting(lab, b"k" * 32, PendingsInMemory(), lab))  # type: ignore[arg-type]
        return Client(Session(core, user, "1.0", session), lab)

    return make


def tools(client: Client) -> set[str]:
    return {each["name"] for each in client.ask("tools/list")["result"]["tools"]}


def test_everything_that_a_user_may_ask_is_a_tool(client: Makes) -> None:
    assert tools(client().begin(elicitation={})) == set(BUILT_IN) - {
        name for name, each in BUILT_IN.items() if "operator" not in each.roles
    }
    assert tools(client(ANN).begin(elicitation={})) == set(BUILT_IN) - CHANGES


def test_tools_say_what_they_take_and_whether_they_only_read(client: Makes) -> None:
    every = client().begin(elicitation={}).ask("tools/list")["result"]["tools"]
    scale = next(each for each in every if each["name"] == "scale")
    assert scale["inputSchema"]["required"] == ["name", "replicas"]
    assert scale["annotations"]["readOnlyHint"] is False
    assert {each["name"] for each in every if not each["annotations"]["readOnlyHint"]} == tools(
        client().begin(elicitation={})
    ) & CHANGES


def test_a_question_is_answered_as_data(client: Makes) -> None:
    reply = client().begin().call("where_am_i")["result"]
    assert reply["isError"] is False
    assert reply["content"][0]["text"].startswith("You are in the cluster lab")
    assert reply["structuredContent"]["data"]["context"] == "lab"


def test_a_change_is_made_when_the_person_agrees(client: Makes) -> None:
    agent = client().begin(elicitation={})
    asked = agent.call("scale", name="cart", namespace="shop", replicas=5)
    assert asked["method"] == "elicitation/create"
    assert asked["params"]["message"].startswith("Shall I scale cart in shop from 3 to 5 replicas?")
    assert agent.replicas() == 3
    done = agent.answer(asked, action="accept", content={"answer": "yes"})
    assert (done["id"], done["result"]["structuredContent"]["status"]) == (agent.sent, "SUCCESS")
    assert agent.replicas() == 5
    assert agent.lab.orders[-1].bound.speaker.user == "ada"


@pytest.mark.parametrize(
    "answer",
    [
        {"action": "decline"},
        {"action": "cancel"},
        {"action": "accept"},
        {"action": "accept", "content": {"answer": ""}},
        {"action": "accept", "content": {"answer": True}},
        {"action": "accept", "content": {"answer": "no"}},
        {"action": "accept", "content": {"answer": "scale checkout to nine"}},
        {"action": "YES", "content": {"answer": "yes"}},
        {},
    ],
)
def test_anything_but_a_yes_changes_nothing(client: Makes, answer: dict[str, Any]) -> None:
    agent = client().begin(elicitation={})
    asked = agent.call("scale", name="cart", namespace="shop", replicas=5)
    reply = agent.answer(asked, **answer)
    assert "result" in reply
    assert not agent.lab.orders


def test_a_client_may_say_how_it_asks(client: Makes) -> None:
    assert tools(client().begin(elicitation={"form": {}, "url": {}})) & CHANGES


def test_an_error_for_an_answer_changes_nothing(client: Makes) -> None:
    agent = client().begin(elicitation={})
    asked = agent.call("restart", name="cart", namespace="shop")
    agent.say(id=asked["id"], error={"code": -1, "message": "yes"})
    assert not agent.lab.orders


def test_an_answer_counts_once_and_only_for_what_was_asked(client: Makes) -> None:
    agent = client().begin(elicitation={})
    asked = agent.call("restart", name="cart", namespace="shop")
    yes = {"action": "accept", "content": {"answer": "yes"}}
    assert agent.say(id="kvx-other", result=yes) == []
    agent.answer(asked, **yes)
    assert agent.say(id=asked["id"], result=yes) == []
    assert len(agent.lab.orders) == 1


def test_what_destroys_wants_its_name_from_the_person(client: Makes) -> None:
    agent = client().begin(elicitation={})
    asked = agent.call("delete_deployment", name="cart", namespace="shop")
    again = agent.answer(asked, action="accept", content={"answer": "yes"})
    assert again["method"] == "elicitation/create"
    assert not agent.lab.orders
    agent.answer(again, action="accept", content={"answer": "cart"})
    assert ("shop", "cart") not in agent.lab.objects


def test_a_person_is_not_asked_for_ever(client: Makes) -> None:
    agent = client().begin(elicitation={})
    asked, rounds = agent.call("delete_deployment", name="cart", namespace="shop"), 0
    while "method" in asked:
        asked, rounds = agent.answer(asked, action="accept", content={"answer": "yes"}), rounds + 1
    assert rounds == 3
    said = asked["result"]["content"][0]["text"]
    assert said == "A person was asked, and nothing is changed yet."
    assert "confirmation" not in asked["result"]["structuredContent"]["data"]
    assert not agent.lab.orders


@pytest.mark.parametrize(
    ("capabilities", "session"),
    [
        ({}, "agent"),
        ({"elicitation": {}}, ""),
        ({"elicitation": {"url": {}}}, "agent"),
        ({"elicitation": True}, "agent"),
    ],
)
def test_who_cannot_ask_a_person_changes_nothing(
    client: Makes, capabilities: dict[str, Any], session: str
) -> None:
    agent = client(session=session).begin(**capabilities)
    assert not tools(agent) & CHANGES
    reply = agent.call("scale", name="cart", namespace="shop", replicas=5)["result"]
    assert reply["isError"] is True
    assert "no elicitation" in reply["content"][0]["text"]
    assert not agent.lab.orders
    assert not agent.lab.events


def test_what_a_user_may_not_do_is_denied_before_anybody_is_asked(client: Makes) -> None:
    reply = client(ANN).begin(elicitation={}).call("scale", name="cart", namespace="shop", replicas=5)
    assert reply["result"]["structuredContent"]["status"] == "PERMISSION_DENIED"
    protected = client().begin(elicitation={}).call("restart", name="coredns", namespace="kube-system")
    assert protected["result"]["structuredContent"]["status"] == "PERMISSION_DENIED"


@pytest.mark.parametrize(
    ("name", "arguments", "why"),
    [
        ("scale", {"name": "kart", "namespace": "shop", "replicas": 5}, "there is no"),
        ("scale", {"name": "cart", "replicas": 5}, "cart is several"),
        ("scale", {"name": "checkout", "namespace": "staging", "replicas": 5}, "there is no"),
        ("scale", {"name": "cart", "namespace": "shops", "replicas": 5}, "there is no namespace shops"),
        ("scale", {"name": "cart", "namespace": "shop", "replicas": "5"}, "replicas: int_type"),
        (
            "scale",
            {"name": "cart", "namespace": "shop", "replicas": 5, "force": True},
            "force: extra_forbidden",
        ),
        ("scale", {"name": "cart; rm -rf /", "replicas": 5}, "name: string_pattern_mismatch"),
        ("scale", {"name": "cart"}, "replicas: missing"),
    ],
)
def test_names_are_exact_and_arguments_are_what_they_shall_be(
    client: Makes, name: str, arguments: dict[str, Any], why: str
) -> None:
    agent = client().begin(elicitation={})
    reply = agent.call(name, **arguments)["result"]["structuredContent"]
    assert reply["status"] == "NEEDS_CLARIFICATION"
    assert why in reply["reply"]
    assert not agent.lab.orders


def test_the_namespace_of_the_only_one_is_filled_in(client: Makes) -> None:
    asked = client().begin(elicitation={}).call("restart", name="checkout")
    assert "Shall I restart checkout in shop?" in asked["params"]["message"]


def test_calls_are_in_the_journal_as_sentences_are(client: Makes) -> None:
    agent = client().begin(elicitation={})
    agent.call("where_am_i")
    agent.call("restart", name="checkout")
    assert [event for event, _, _ in agent.lab.events] == ["answered", "asked"]
    assert all(content["user"] == "ada" for _, _, content in agent.lab.events)


@pytest.mark.parametrize(
    ("line", "code"),
    [
        (b"{", -32700),
        (b"[" * 5_000, -32700),
        (b"\xff", -32700),
        (b"[]", -32600),
        (b'{"jsonrpc": "1.0", "id": 1, "method": "ping"}', -32600),
        (b'{"jsonrpc": "2.0", "id": null, "method": "ping"}', -32600),
        (b'{"jsonrpc": "2.0", "id": true, "method": "ping"}', -32600),
        (b'{"jsonrpc": "2.0", "id": 1, "method": "ping", "params": []}', -32602),
        (b'{"jsonrpc": "2.0", "id": 1, "method": "resources/list"}', -32601),
        (b'{"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": "bash"}}', -32602),
        (b'{"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": ["scale"]}}', -32602),
        (
            b'{"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": "top", "arguments": 1}}',
            -32602,
        ),
        (b" " * 2_000_000, -32600),
    ],
)
def test_what_is_no_message_has_an_error(client: Makes, line: bytes, code: int) -> None:
    (reply,) = client().begin().session.heard(line)
    assert reply["error"]["code"] == code


@pytest.mark.parametrize("wanted", [*VERSIONS, "1999-01-01", None])
def test_a_version_is_agreed_on(client: Makes, wanted: str | None) -> None:
    begun = client().ask("initialize", protocolVersion=wanted, capabilities={})["result"]
    assert begun["protocolVersion"] == (wanted if wanted in VERSIONS else VERSIONS[0])


def test_a_ping_has_a_reply(client: Makes) -> None:
    assert client().ask("ping")["result"] == {}

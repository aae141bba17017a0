"""The Model Context Protocol over HTTP: a message and its reply for users of the service, nothing else."""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

sys.path.append(str(Path(__file__).parents[1] / "conversation"))

from lab import Lab

from voice_api.commands.conversation.acting import Acting
from voice_api.commands.core import CommandCore
from voice_api.commands.language.check import interpreter
from voice_api.commands.policy import User
from voice_api.commands.registry.declaring import EVERYWHERE
from voice_api.errors import VoiceApiError

LANGUAGE = interpreter()


class OneUser:
    """Ada by her key, and nobody else."""

    def speaker_of(self, authorization: str | None) -> User:
        if authorization != "Bearer key":
            raise VoiceApiError("not_authenticated", "the request is refused", "send a key", 401)
        return User("ada", frozenset({"operator"}), EVERYWHERE)


@pytest.fixture
def lab() -> Lab:
    return Lab()


@pytest.fixture
def running(start: Callable[..., Any], lab: Lab) -> Any:
    commands = CommandCore(lab, LANGUAGE, Acting(lab, b"k" * 32))  # type: ignore[arg-type]
    return start(proved=False, commands=commands, users=OneUser())


@pytest.fixture
def client(running: Any) -> Any:
    return running.client


KEY = {"authorization": "Bearer key"}


def message(method: str, **params: Any) -> dict[str, Any]:
    return {"jsonrpc": "2.0", "id": 1, "method": method, "params": params}


def test_an_agent_asks_with_a_users_key_and_changes_nothing(running: Any, lab: Lab) -> None:
    client = running.client
    begun = client.post("/mcp", json=message("initialize", capabilities={"elicitation": {}}), headers=KEY)
    assert begun.json()["result"]["serverInfo"]["name"] == "kvx"
    told = client.post("/mcp", json={"jsonrpc": "2.0", "method": "notifications/initialized"}, headers=KEY)
    assert (told.status_code, told.content) == (202, b"")
    ask = message("tools/call", name="who_am_i", arguments={})
    answer = client.post("/mcp", json=ask, headers=KEY).json()["result"]
    assert answer["structuredContent"]["data"]["user"] == "ada"
    assert 'intent="who_am_i",status="SUCCESS"} 1.0' in running.service.figures.text().decode()
    change = message("tools/call", name="restart", arguments={"name": "checkout"})
    assert client.post("/mcp", json=change, headers=KEY).json()["result"]["isError"] is True
    assert not lab.orders + lab.events[1:]


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 401),
        ({"authorization": "Bearer other"}, 401),
        ({**KEY, "origin": "http://127.0.0.1:8484"}, 403),
        ({**KEY, "mcp-protocol-version": "1999-01-01"}, 400),
        ({**KEY, "mcp-protocol-version": "2025-06-18"}, 200),
    ],
)
def test_strangers_and_pages_of_browsers_are_refused(
    client: Any, headers: dict[str, str], status: int
) -> None:
    assert client.post("/mcp", json=message("tools/list"), headers=headers).status_code == status


def test_what_is_no_message_is_told_as_the_protocol_does(client: Any) -> None:
    reply = client.post("/mcp", content=b"{", headers=KEY)
    assert (reply.status_code, reply.json()["error"]["code"]) == (200, -32700)
    assert client.get("/mcp", headers=KEY).status_code == 405

"""What a change comes to is followed while somebody wants to hear of it, and holds up nobody else."""

import json
import socket
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from typing import Any

from talker import Talker, spoken

from voice_api.cluster.demo import DemoCluster
from voice_api.commands.conversation.turn import ALONE, Turn
from voice_api.commands.core import CommandCore, Reply

WAIT_SECONDS = 60
SENTENCE = "how many pods are running"


class Following(CommandCore):
    """Answers what names this once nobody wants to hear of it any more, or it is told to."""

    def __init__(self, follows: str = "") -> None:
        super().__init__(DemoCluster())
        self.follows, self.followed = follows, threading.Event()

    def answer(self, text: str, turn: Turn = ALONE) -> Reply:
        deadline = time.monotonic() + WAIT_SECONDS
        while self.follows in text and turn.wanted() and not self.followed.wait(0.02):
            assert time.monotonic() < deadline
        return super().answer(text, turn)


def test_who_cancels_or_speaks_does_not_want_to_hear_of_it(start: Any, scripted: Any, engines: Any) -> None:
    service = start(listener=scripted(says=SENTENCE), commands=Following())
    with closing(Talker(service.url)) as talker:
        talker.append(spoken(engines, SENTENCE))
        talker.until("response.created")
        talker.say("response.cancel")
        response = talker.answer()
    assert (response["status"], response["command"]["status"]) == ("cancelled", "SUCCESS")


def test_who_goes_away_does_not_want_to_hear_of_it(start: Any, until: Any) -> None:
    service = start(commands=Following())
    acting = service.service.lanes.acting
    body = json.dumps({"text": SENTENCE})
    head = ("POST /v1/commands HTTP/1.1", "Host: x", "Content-Type: application/json")
    request = "\r\n".join((*head, f"Content-Length: {len(body)}", "", body)).encode()
    with socket.create_connection(("127.0.0.1", int(service.url.rpartition(":")[2]))) as client:
        client.sendall(request)
        until(lambda: acting.busy_seconds > 0)
    until(acting.idle.is_set)


def test_others_are_answered_meanwhile(start: Any, until: Any) -> None:
    commands = Following(follows="pods")
    service = start(commands=commands)
    with ThreadPoolExecutor(1) as pool:
        following = pool.submit(service.client.post, "/v1/commands", json={"text": SENTENCE})
        until(lambda: service.service.lanes.acting.busy_seconds > 0)
        other = service.client.post("/v1/commands", json={"text": "how many nodes are there"})
        assert (other.json()["status"], following.done()) == ("SUCCESS", False)
        commands.followed.set()
        assert following.result(WAIT_SECONDS).json()["status"] == "SUCCESS"

"""Restarts one after the other under load: nobody who asks the Service notices."""

import json
import os
import sys
import time
from collections.abc import Iterator
from typing import Any

import pytest

pytestmark = [pytest.mark.needs("node", "images", "kubectl"), pytest.mark.timeout(900)]

# Made 20 by KVX_TEST_ROLLING_RESTARTS=20.
RESTARTS = int(os.environ.get("KVX_TEST_ROLLING_RESTARTS", "4"))
# Each question comes on a connection of its own, so that each is sent to whom the Service names just then.
QUESTIONS = """
import json, threading, time
from urllib.request import Request, urlopen
address = "http://voice-api.kvx.svc.cluster.local/v1/commands"
asked, wrong = [0], []
def ask():
    while True:
        try:
            body = json.dumps({"text": "how many nodes are there"}).encode()
            with urlopen(Request(address, body, {"content-type": "application/json"}), timeout=30) as answer:
                assert json.loads(answer.read())["intent"], "no intent"
        except Exception as error:
            wrong.append(f"{type(error).__name__}: {error}")
        asked[0] += 1
        time.sleep(0.1)
for _ in range(3):
    threading.Thread(target=ask, daemon=True).start()
while True:
    time.sleep(0.5)
    print(json.dumps({"asked": asked[0], "failed": len(wrong), "first": wrong[:3]}), flush=True)
"""


class Questions:
    """A pod that asks all the time."""

    def __init__(self, node: Any, space: str) -> None:
        self.node = node
        self.space = space

    def told(self) -> dict[str, Any]:
        lines = self.node.kubectl("-n", self.space, "logs", "questions", "--tail=1").splitlines()
        return json.loads(lines[-1]) if lines else {"asked": 0, "failed": 0, "first": []}


@pytest.fixture
def questions(served: Any, asking: Any, voice_api_image: str) -> Iterator[Questions]:
    pods = sys.modules["pods_that_ask"]
    pods.made(served, pods.pod("questions", pods.CLIENT, voice_api_image, {}, QUESTIONS, limit="500m"))
    yield Questions(served, pods.CLIENT)
    served.kubectl("-n", pods.CLIENT, "delete", "pod", "questions")


def restart(node: Any) -> None:
    node.kubectl("-n", "kvx", "rollout", "restart", "deployment/voice-api")
    node.kubectl("-n", "kvx", "rollout", "status", "deployment/voice-api", "--timeout=170s", seconds=180)


def scale(node: Any, least: int) -> None:
    """By the autoscaler's bound, as kvx.toml would."""
    patch = json.dumps({"spec": {"minReplicas": least}})
    node.kubectl("-n", "kvx", "patch", "horizontalpodautoscaler", "voice-api", "--type=merge", "-p", patch)
    wanted = f"--for=jsonpath={{.status.readyReplicas}}={least}"
    node.kubectl("-n", "kvx", "wait", wanted, "deployment/voice-api", "--timeout=170s", seconds=180)


def test_no_request_fails_in_rolling_restarts_one_after_the_other(served: Any, questions: Questions) -> None:
    begin = time.monotonic()
    for _ in range(RESTARTS):
        restart(served)
    told = questions.told()
    print(f"{told['asked']} asked in {RESTARTS} restarts, {time.monotonic() - begin:.0f} s")
    assert told["asked"] > RESTARTS * 5
    assert told["failed"] == 0, told


def test_three_replicas_are_replaced_within_the_quota(served: Any, questions: Questions) -> None:
    """Pods that end count until they are gone: the fourth fits exactly, the next waits for one to go."""
    scale(served, 3)
    begin = time.monotonic()
    restart(served)
    print(f"three replicas replaced in {time.monotonic() - begin:.0f} s")
    told = questions.told()
    scale(served, 2)
    assert told["failed"] == 0, told

"""Replicas follow a real load and come back; the Vertical Pod Autoscaler gives its advice."""

import json
import sys
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

pytestmark = [pytest.mark.needs("node", "images", "kubectl"), pytest.mark.timeout(1000)]

DEADLINE_SECONDS = 400.0
# Six people ask the same spoken question all the time: hearing is what costs the voice API its processor.
LOAD = """
import json, threading, time
from urllib.request import Request, urlopen
address = "http://voice-api.kvx.svc.cluster.local/v1/"
def ask(path, kind, body):
    with urlopen(Request(address + path, body, {"content-type": kind}), timeout=60) as answer:
        return answer.read()
wish = {"model": "espeak-ng", "input": "how many pods are not ready", "response_format": "wav"}
sound = ask("audio/speech", "application/json", json.dumps(wish).encode())
def speak():
    while True:
        try:
            ask("commands", "audio/wav", sound)
        except OSError:
            time.sleep(0.2)  # told to come back later: that is load enough
for _ in range(6):
    threading.Thread(target=speak).start()
"""


def within(seconds: float, what: str, holds: Callable[[], object]) -> None:
    end = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < end, f"{what}: not within {seconds:.0f} s"
        time.sleep(1)


def replicas(node: Any) -> int:
    told = node.kubectl(
        "-n", "kvx", "get", "deployment", "voice-api", "-o", "jsonpath={.status.readyReplicas}"
    )
    return int(told or 0)


@pytest.fixture
def load(served: Any, asking: Any, voice_api_image: str) -> Iterator[Callable[[], None]]:
    """Runs from now on, until it is called."""
    pods = sys.modules["pods_that_ask"]
    pods.made(served, pods.pod("load", pods.CLIENT, voice_api_image, {}, LOAD))

    def stop() -> None:
        served.kubectl("-n", pods.CLIENT, "delete", "pod", "load", "--ignore-not-found")

    yield stop
    stop()


def test_metrics_server_tells_what_pods_use(served: Any) -> None:
    def told() -> bool:
        return "voice-api" in served.tried("top", "pods", "-n", "kvx").stdout

    within(DEADLINE_SECONDS, "the use of the pods is told", told)


def test_a_load_brings_a_third_replica_and_rest_takes_it_away(served: Any, load: Callable[[], None]) -> None:
    within(DEADLINE_SECONDS, "a third replica serves", lambda: replicas(served) == 3)
    load()
    within(DEADLINE_SECONDS, "two are left", lambda: replicas(served) == 2)
    events = served.kubectl("-n", "kvx", "get", "events", "-o", "json")
    told = [each["message"] for each in json.loads(events)["items"] if each["reason"] == "SuccessfulRescale"]
    assert any("New size: 3; reason: cpu resource utilization" in each for each in told), told
    assert any("New size: 2; reason: All metrics below target" in each for each in told), told


def test_the_vertical_pod_autoscaler_recommends_requests(served: Any) -> None:
    def advice() -> dict[str, Any]:
        told = json.loads(served.kubectl("-n", "kvx", "get", "vpa", "voice-api", "-o", "json"))
        containers = told.get("status", {}).get("recommendation", {}).get("containerRecommendations", [])
        return dict(containers[0]["target"]) if containers else {}

    within(DEADLINE_SECONDS, "a recommendation", advice)
    assert set(advice()) == {"cpu", "memory"}

"""The network policies let through what they should and nothing else; the node's enforcer keeps them."""

import http.server
import json
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

pytestmark = [pytest.mark.needs("node", "images", "kubectl"), pytest.mark.timeout(600)]

HTTP, METRICS = 8484, 9090
METADATA = "169.254.169.254"
SHUT = "TimeoutError"


@dataclass(frozen=True, slots=True)
class Voice:
    """A pod of the voice API that serves; `who` is kvx/NAME."""

    node: Any
    who: str
    address: str


@pytest.fixture(scope="module")
def voice_pod(served: Any) -> Voice:
    told = served.kubectl("-n", "kvx", "get", "pods", "-l", "app.kubernetes.io/name=voice-api", "-o", "json")
    items = [each for each in json.loads(told)["items"] if "deletionTimestamp" not in each["metadata"]]
    return Voice(served, f"kvx/{items[0]['metadata']['name']}", items[0]["status"]["podIP"])


@pytest.fixture(scope="module")
def neighbours(served: Any, asking: Any, voice_api_image: str) -> Iterator[dict[str, str]]:
    """Two pods in the namespace of the voice API itself: one is a client by its label, one is nothing."""
    pods = sys.modules["pods_that_ask"]
    label = {pods.LABEL: "true"}
    made = (
        pods.pod("labelled", "kvx", voice_api_image, label),
        pods.pod("plain", "kvx", voice_api_image, {}),
    )
    pods.made(served, *made)
    yield {"labelled": "kvx/labelled", "plain": "kvx/plain"}
    served.kubectl("-n", "kvx", "delete", "pod", "labelled", "plain")


@pytest.fixture(scope="module")
def metadata_service(served: Any) -> Iterator[None]:
    """Something that tells secrets at the address where clouds have it, on the machine around the cluster."""
    line = served.place.name
    subprocess.run(["ip", "address", "add", f"{METADATA}/32", "dev", line], check=True)
    with http.server.ThreadingHTTPServer((METADATA, 80), http.server.BaseHTTPRequestHandler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield
        server.shutdown()
    subprocess.run(["ip", "address", "del", f"{METADATA}/32", "dev", line], check=True)


@pytest.mark.parametrize(
    ("who", "port", "expected"),
    [
        ("clients/client", HTTP, "open"),
        ("clients/client", METRICS, SHUT),
        ("strangers/stranger", HTTP, SHUT),
        ("strangers/stranger", METRICS, SHUT),
        ("kvx/labelled", HTTP, "open"),
        ("kvx/labelled", METRICS, SHUT),
        ("kvx/plain", HTTP, SHUT),
    ],
)
@pytest.mark.usefixtures("neighbours")
def test_only_clients_reach_the_voice_api_and_only_where_it_serves(
    asking: Any, voice_pod: Voice, who: str, port: int, expected: str
) -> None:
    knock = asking.enter if expected == "open" else asking.knock
    assert knock(voice_pod.node, who, voice_pod.address, port) == expected


def test_the_service_has_no_other_door_than_its_pods(served: Any, asking: Any) -> None:
    assert asking.enter(served, asking.client, "voice-api.kvx.svc", 80) == "open"
    assert asking.knock(served, asking.stranger, "voice-api.kvx.svc", 80) == SHUT


def test_the_machine_around_the_cluster_does_not_reach_the_voice_api(voice_pod: Voice) -> None:
    with pytest.raises(TimeoutError):
        socket.create_connection((voice_pod.address, HTTP), timeout=4)


def test_the_voice_api_reaches_the_api_server_by_its_service_and_by_its_own_address(
    asking: Any, voice_pod: Voice
) -> None:
    knock, place = (voice_pod.node, voice_pod.who), voice_pod.node.place
    assert asking.enter(*knock, f"10.96.{place.number}.1", 443, "voice-api") == "open"
    assert asking.enter(*knock, place.address, 6443, "voice-api") == "open"


def test_the_voice_api_reaches_neither_the_kubelet_nor_other_pods_nor_names(
    asking: Any, voice_pod: Voice
) -> None:
    knock, place = (voice_pod.node, voice_pod.who), voice_pod.node.place
    assert asking.knock(*knock, place.address, 10250, "voice-api") == SHUT
    assert asking.knock(*knock, place.names_service, 53, "voice-api") == SHUT
    assert asking.knock(*knock, place.outside, 22, "voice-api") == SHUT


def test_the_metadata_service_is_out_of_reach_where_another_pod_reaches_it(
    asking: Any, voice_pod: Voice, metadata_service: None
) -> None:
    served = voice_pod.node
    assert asking.enter(served, asking.stranger, METADATA, 80) == "open"
    assert asking.knock(served, voice_pod.who, METADATA, 80, "voice-api") == SHUT

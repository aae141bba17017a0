"""Pods of the voice API's image that wait, and run Python when told: from there its Service is asked."""

import json
from collections.abc import Mapping
from typing import Any

CLIENT, STRANGER = "clients", "strangers"
LABEL = "kvx/voice-api-client"
RESTRICTED = {"pod-security.kubernetes.io/enforce": "restricted"}
PYTHON = ("/usr/bin/python3", "-P", "-c")
WAIT = "import signal; signal.pause()"
PATIENCE_SECONDS = 60
KNOCK = """
import socket, sys, time
end = time.monotonic() + int(sys.argv[3])
while True:
    try:
        socket.create_connection((sys.argv[1], int(sys.argv[2])), timeout=4).close()
        answer = "open"
    except OSError as error:
        answer = type(error).__name__
    if answer == "open" or time.monotonic() >= end:
        break
    time.sleep(0.5)
print(answer)
"""
SPEAK = """
import json, sys
from urllib.request import Request, urlopen
address, sentence, voice = sys.argv[1:]
def ask(path, kind, body):
    with urlopen(Request(address + path, body, {"content-type": kind}), timeout=50) as answer:
        return answer.read()
wish = {"model": "espeak-ng", "input": sentence, "voice": voice, "response_format": "wav"}
sound = ask("/v1/audio/speech", "application/json", json.dumps(wish).encode())
print(ask("/v1/commands", "audio/wav", sound).decode())
"""


def namespace(name: str, labels: Mapping[str, str]) -> dict[str, Any]:
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": dict(labels)}}


def pod(
    name: str, space: str, image: str, labels: Mapping[str, str], *program: str, limit: str = "250m"
) -> dict[str, Any]:
    """Restricted, with as little as it needs; without a program it waits."""
    command = [*PYTHON, *(program or (WAIT,))]
    container = {
        "name": "asking",
        "image": image,
        "imagePullPolicy": "IfNotPresent",
        "command": command,
        "resources": {
            "requests": {"cpu": "10m", "memory": "32Mi"},
            "limits": {"cpu": limit, "memory": "128Mi"},
        },
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        },
    }
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name, "namespace": space, "labels": dict(labels)},
        "spec": {
            "containers": [container],
            "automountServiceAccountToken": False,
            "enableServiceLinks": False,
            "restartPolicy": "Never",
            "terminationGracePeriodSeconds": 0,
            "securityContext": {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}},
        },
    }


def made(node: Any, *objects: Mapping[str, Any]) -> None:
    """Applied, and each pod among them is ready."""
    for each in objects:
        node.kubectl("apply", "--server-side", "-f", "-", text=json.dumps(each))
    for each in objects:
        if each["kind"] == "Pod":
            place = ("-n", each["metadata"]["namespace"], f"pod/{each['metadata']['name']}")
            node.kubectl("wait", "--for=condition=Ready", "--timeout=100s", *place)


def stood(node: Any, image: str) -> type["Asking"]:
    """They stand as long as the cluster."""
    client, stranger = namespace(CLIENT, {**RESTRICTED, LABEL: "true"}), namespace(STRANGER, RESTRICTED)
    made(node, client, stranger, pod("client", CLIENT, image, {}), pod("stranger", STRANGER, image, {}))
    return Asking


class Asking:
    """What a pod answers that runs a little program; `who` is namespace/pod."""

    client = f"{CLIENT}/client"
    stranger = f"{STRANGER}/stranger"

    @staticmethod
    def run(node: Any, who: str, *program: str, container: str = "asking", seconds: float = 90) -> str:
        space, name = who.split("/", 1)
        told = ("exec", "-n", space, name, "-c", container, "--", *PYTHON, *program)
        return str(node.kubectl(*told, seconds=seconds)).strip()

    @classmethod
    def knock(cls, node: Any, who: str, host: str, port: int, container: str = "asking") -> str:
        """`open`, or the kind of error that a connection ended with."""
        return cls.run(node, who, KNOCK, host, str(port), "0", container=container)

    @classmethod
    def enter(cls, node: Any, who: str, host: str, port: int, container: str = "asking") -> str:
        """The same, but it knocks until it is open, for a minute."""
        return cls.run(node, who, KNOCK, host, str(port), str(PATIENCE_SECONDS), container=container)

    @classmethod
    def speak(cls, node: Any, who: str, address: str, sentence: str, voice: str) -> dict[str, Any]:
        """What the voice API makes of a sentence that it gets as sound."""
        answer: dict[str, Any] = json.loads(cls.run(node, who, SPEAK, address, sentence, voice))
        return answer

"""Pods that live for one question: one that may reach the voice API through its Service, one that may not."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from kvx.cluster.refused_pods import shortened
from kvx.cluster.serving import Server
from kvx.cluster.trouble import Object

LABEL = "kvx/verify"
CLIENT_LABEL = "kvx/voice-api-client"
CLIENT, STRANGER = "client", "stranger"
SECONDS = 45
KNOCK_SECONDS = 5
# What its place in the cluster depends on is taken over from the pods that are spoken to.
_PLACE = ("affinity", "tolerations", "nodeSelector", "imagePullSecrets", "priorityClassName")

# Runs in the voice API's image, which has Python and nothing else; one line of JSON is its answer.
_ASKING = """
import json, socket, sys
from urllib.parse import urlsplit
from urllib.request import Request, urlopen
named, address, sentence, voice, seconds = sys.argv[1:]
def ask(path, kind, body):
    with urlopen(Request(address + path, body, {"content-type": kind}), timeout=float(seconds)) as answer:
        return answer.read()
try:
    socket.getaddrinfo(urlsplit(named).hostname, None)
    address, nameless = named, ""
except OSError as error:
    nameless = str(error)
try:
    wish = {"model": "espeak-ng", "input": sentence, "voice": voice, "response_format": "wav"}
    sound = ask("/v1/audio/speech", "application/json", json.dumps(wish).encode())
    answer = json.loads(ask("/v1/commands", "audio/wav", sound))
    print(json.dumps({"answer": answer, "nameless": nameless}))
except (OSError, ValueError) as error:
    print(json.dumps({"wrong": str(getattr(error, "reason", error))}))
"""
_KNOCKING = """
import json, sys
from urllib.request import urlopen
try:
    with urlopen(sys.argv[1] + "/health", timeout=float(sys.argv[2])) as answer:
        print(json.dumps({"answer": {"status": answer.status}}))
except (OSError, ValueError) as error:
    print(json.dumps({"wrong": str(getattr(error, "reason", error))}))
"""


def address_of(server: Server) -> str:
    """The Service's name, as a pod of the cluster calls it."""
    return f"http://{server.service}.{server.namespace}.svc:{server.service_port}"


@dataclass(frozen=True, slots=True)
class Said:
    """What a pod has told: the voice API's answer, or why there is none; why its name did not resolve."""

    answer: Mapping[str, Any] | None
    wrong: str = ""
    nameless: str = ""


def client(server: Server, template: Object, ip: str, sentence: str, voice: str) -> dict[str, Any]:
    """A pod that speaks a sentence to the Service, whose policies let it through.

    By the Service's name; by its address where there are no names, which is told.
    """
    arguments = (address_of(server), _url(ip, server.service_port), sentence, voice, str(SECONDS - 15))
    return _pod(server, template, CLIENT, (_ASKING, *arguments), {CLIENT_LABEL: "true"})


def stranger(server: Server, template: Object, ip: str) -> dict[str, Any]:
    """One without the label: where policies are in force, it reaches nothing."""
    arguments = (_url(ip, server.service_port), str(KNOCK_SECONDS))
    return _pod(server, template, STRANGER, (_KNOCKING, *arguments), {})


def answer_in(log: str) -> Said:
    """What a pod of these has written."""
    lines = log.strip().splitlines()
    try:
        told = json.loads(lines[-1]) if lines else {}
    except ValueError:
        told = None
    match told:
        case {"answer": dict() as answer, **more}:
            return Said(answer, nameless=shortened(str(more.get("nameless", ""))))
        case {"wrong": str() as wrong}:
            return Said(None, shortened(wrong))
        case _:
            return Said(None, shortened(f"it said {lines[-1]!r}" if lines else "it said nothing"))


def _url(ip: str, port: int) -> str:
    return f"http://[{ip}]:{port}" if ":" in ip else f"http://{ip}:{port}"


def restricted(server: Server, template: Object) -> dict[str, Any]:
    """A container of the server's image that pod security has nothing against, and that asks for little."""
    container = template["spec"]["containers"][0]
    little = {"cpu": "50m", "memory": "64Mi", "ephemeral-storage": "16Mi"}
    return {
        "name": "client",
        "image": server.image,
        "imagePullPolicy": container.get("imagePullPolicy", "IfNotPresent"),
        "resources": {"requests": little, "limits": little},
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        },
    }


def pod_of(server: Server, template: Object, kind: str, containers: Sequence[Object]) -> dict[str, Any]:
    """A pod that runs once, by itself, without any right in the cluster."""
    spec = template["spec"]
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "generateName": f"kvx-verify-{kind}-",
            "namespace": server.namespace,
            "labels": {LABEL: kind, "app.kubernetes.io/part-of": "kvx"},
        },
        "spec": {
            **{name: spec[name] for name in _PLACE if name in spec},
            "restartPolicy": "Never",
            "activeDeadlineSeconds": SECONDS,
            "terminationGracePeriodSeconds": 0,
            "automountServiceAccountToken": False,
            "enableServiceLinks": False,
            "securityContext": {
                "runAsNonRoot": True,
                "runAsUser": 65532,
                "runAsGroup": 65532,
                "seccompProfile": {"type": "RuntimeDefault"},
            },
            "containers": list(containers),
        },
    }


def _pod(
    server: Server, template: Object, kind: str, program: tuple[str, ...], labels: Mapping[str, str]
) -> dict[str, Any]:
    command = {"command": ["/usr/bin/python3", "-P", "-c"], "args": list(program)}
    pod = pod_of(server, template, kind, [{**restricted(server, template), **command}])
    pod["metadata"]["labels"] |= labels
    return pod

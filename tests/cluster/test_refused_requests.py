"""Quota, LimitRange, pod security and rights, each shown by a request that a whole cluster refuses."""

import json
import sys
from typing import Any

import pytest

pytestmark = [pytest.mark.needs("node", "images", "kubectl"), pytest.mark.timeout(600)]

ACCOUNT = "system:serviceaccount:kvx:voice-api"


def pod(image: str, name: str = "asked-for") -> dict[str, Any]:
    wanted: dict[str, Any] = sys.modules["pods_that_ask"].pod(name, "kvx", image, {})
    return wanted


def refusal(node: Any, wanted: dict[str, Any]) -> str:
    """Why the API server does not take it; it is a defect if it would."""
    told = node.tried("create", "--dry-run=server", "-f", "-", text=json.dumps(wanted))
    assert told.returncode != 0, told.stdout
    return str(told.stderr)


def test_a_modest_pod_is_taken(served: Any, voice_api_image: str) -> None:
    told = served.tried("create", "--dry-run=server", "-f", "-", text=json.dumps(pod(voice_api_image)))
    assert told.returncode == 0, told.stderr


def test_more_than_the_quota_is_refused_with_what_is_used(served: Any, voice_api_image: str) -> None:
    """Two replicas use 1000m of 2000m; three containers of 500m are more than the rest."""
    wanted = pod(voice_api_image)
    container = wanted["spec"]["containers"][0]
    container["resources"] = {"limits": {"cpu": "500m", "memory": "128Mi"}}
    wanted["spec"]["containers"] = [{**container, "name": f"number-{number}"} for number in range(3)]
    told = refusal(served, wanted)
    assert "exceeded quota: voice-api" in told
    assert "requested: limits.cpu=1500m" in told
    assert "limited: limits.cpu=2" in told


def test_a_service_with_a_port_on_every_node_is_refused(served: Any) -> None:
    port = {"port": 80, "targetPort": 8484}
    wanted = {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": "outside", "namespace": "kvx"},
        "spec": {"type": "NodePort", "ports": [port]},
    }
    assert "services.nodeports=1" in refusal(served, wanted)


def test_a_container_larger_than_the_limit_range_is_refused(served: Any, voice_api_image: str) -> None:
    wanted = pod(voice_api_image)
    wanted["spec"]["containers"][0]["resources"] = {"limits": {"cpu": "501m", "memory": "128Mi"}}
    assert "maximum cpu usage per Container is 500m" in refusal(served, wanted)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"securityContext": {"privileged": True}}, "privileged"),
        ({"securityContext": {"allowPrivilegeEscalation": True}}, "allowPrivilegeEscalation != false"),
        ({"securityContext": {"runAsUser": 0}}, "runAsUser=0"),
    ],
)
def test_pod_security_refuses_a_container_that_wants_more(
    served: Any, voice_api_image: str, change: dict[str, Any], words: str
) -> None:
    wanted = pod(voice_api_image)
    wanted["spec"]["containers"][0]["securityContext"].update(change["securityContext"])
    told = refusal(served, wanted)
    assert 'violates PodSecurity "restricted' in told or "cannot set" in told, told
    assert words in told


@pytest.mark.parametrize(
    ("verb", "kind", "allowed"),
    [
        ("list", "pods", "yes"),
        ("watch", "deployments.apps", "yes"),
        ("get", "pods/log", "yes"),
        ("get", "secrets", "no"),
        ("list", "configmaps", "no"),
        ("patch", "deployments.apps", "no"),
        ("delete", "pods", "no"),
        ("create", "pods/exec", "no"),
    ],
)
def test_the_voice_api_may_read_and_nothing_else(served: Any, verb: str, kind: str, allowed: str) -> None:
    told = served.tried("auth", "can-i", verb, kind, f"--as={ACCOUNT}", "-n", "kvx")
    assert told.stdout.strip() == allowed


def test_a_request_beyond_its_rights_is_refused_with_its_name(served: Any) -> None:
    told = served.tried("get", "secrets", "-n", "kvx", f"--as={ACCOUNT}")
    assert told.returncode != 0
    assert f'User "{ACCOUNT}" cannot list resource "secrets"' in told.stderr

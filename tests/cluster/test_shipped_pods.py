"""What is shipped runs as pods of a real node, held as its manifests say, and answers a spoken sentence."""

import json
from typing import Any

import pytest

pytestmark = [pytest.mark.needs("node", "images", "kubectl"), pytest.mark.timeout(600)]

SERVICE = "http://voice-api.kvx.svc.cluster.local"
UNHEARD_VOICE = "en-gb+f5"
LOOK = """
import json, os, pathlib
lines = pathlib.Path("/proc/1/status").read_text().splitlines()
status = dict(line.split(":\\t") for line in lines if ":\\t" in line)
def refused(path):
    try:
        pathlib.Path(path).write_text("x")
    except OSError as error:
        return error.strerror
print(json.dumps({
    "user": os.getuid(), "group": os.getgid(), "status": status, "root": refused("/usr/trial"),
    "temporary": refused("/tmp/trial"), "program": pathlib.Path("/proc/1/cmdline").read_text().split("\\0"),
    "token": pathlib.Path("/var/run/secrets/kubernetes.io/serviceaccount/token").stat().st_mode & 0o777,
}))
"""


@pytest.fixture(scope="module")
def pods(served: Any) -> list[dict[str, Any]]:
    selector = "app.kubernetes.io/name=voice-api"
    found: list[dict[str, Any]] = json.loads(
        served.kubectl("-n", "kvx", "get", "pods", "-l", selector, "-o", "json")
    )["items"]
    return [each for each in found if "deletionTimestamp" not in each["metadata"]]


@pytest.fixture(scope="module")
def inside(served: Any, asking: Any, pods: list[dict[str, Any]]) -> dict[str, Any]:
    """What the process of the voice API finds itself in."""
    name = pods[0]["metadata"]["name"]
    told: dict[str, Any] = json.loads(asking.run(served, f"kvx/{name}", LOOK, container="voice-api"))
    return told


def test_two_replicas_are_ready_and_were_started_once(pods: list[dict[str, Any]]) -> None:
    assert len(pods) >= 2
    for pod in pods:
        state = pod["status"]["containerStatuses"][0]
        assert state["ready"], state
        assert state["restartCount"] == 0, state


def test_the_image_runs_by_its_digest(pods: list[dict[str, Any]], voice_api_image: str) -> None:
    assert {pod["spec"]["containers"][0]["image"] for pod in pods} == {voice_api_image}


def test_the_program_is_told_to_serve_and_is_user_65532(inside: dict[str, Any]) -> None:
    assert inside["program"][-2:] == ["serve", ""]
    assert (inside["user"], inside["group"]) == (65532, 65532)


def test_it_has_no_capability_may_gain_none_and_its_system_calls_are_filtered(inside: dict[str, Any]) -> None:
    status = inside["status"]
    assert int(status["CapEff"], 16) == int(status["CapBnd"], 16) == 0
    assert (status["NoNewPrivs"].strip(), status["Seccomp"].strip()) == ("1", "2")


def test_it_can_write_to_its_temporary_folder_and_nowhere_else(inside: dict[str, Any]) -> None:
    assert inside["root"] == "Read-only file system"
    assert inside["temporary"] is None


def test_its_token_is_read_by_its_group_and_by_nobody_else(inside: dict[str, Any]) -> None:
    assert inside["token"] & 0o007 == 0


def test_a_spoken_sentence_through_the_service_is_heard_and_answered_from_the_cluster(
    served: Any, asking: Any
) -> None:
    answer = asking.speak(served, asking.client, SERVICE, "how many nodes are there", UNHEARD_VOICE)
    assert answer["text"].strip(" .?").lower() == "how many nodes are there", answer
    assert answer["status"] == "SUCCESS", answer
    assert "1 node" in answer["reply"] or "one node" in answer["reply"].lower(), answer


def test_the_figures_are_there_for_who_may_have_them(served: Any, pods: list[dict[str, Any]]) -> None:
    name = pods[0]["metadata"]["name"]
    path = f"/api/v1/namespaces/kvx/pods/{name}:9090/proxy/metrics"
    assert "kvx_voice_" in served.kubectl("get", "--raw", path)

"""kvx bench: what it passes on, what it refuses, and that a real cluster takes its job."""

import json
import subprocess
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Protocol

import pytest

from kvx.drivers.benching import run_shown
from kvx.errors import KvxError

Kvx = Callable[..., subprocess.CompletedProcess[str]]
IMAGE = "registry.example/voice-api:0.1.0"
RESTRICTED = {"pod-security.kubernetes.io/enforce": "restricted"}


class ApiServer(Protocol):
    """What tests/components/kubernetes/fixtures.py starts."""

    def request(
        self, method: str, path: str, body: Mapping[str, object] | None = None
    ) -> dict[str, object]: ...


@pytest.fixture
def job(kvx: Kvx) -> Callable[..., dict[str, Any]]:
    """The manifest that kvx prints for some flags."""

    def printed(*flags: str) -> dict[str, Any]:
        ended = kvx("bench", "voice", "--manifest", "--image", IMAGE, *flags)
        assert ended.returncode == 0, ended.stderr
        found: dict[str, Any] = json.loads(ended.stdout)
        return found

    return printed


@pytest.fixture(scope="module")
def restricted(api_server: ApiServer) -> str:
    """The path of a namespace that admits only pods of the standard "restricted"."""
    body = {"metadata": {"name": "bench", "labels": RESTRICTED}}
    api_server.request("POST", "/api/v1/namespaces", body)
    return "/namespaces/bench"


def container(job: Mapping[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = job["spec"]["template"]["spec"]["containers"][0]
    return found


def pod(job: Mapping[str, Any]) -> dict[str, object]:
    return {"metadata": {"name": "bench"}, "spec": job["spec"]["template"]["spec"]}


def test_this_machine_is_measured_by_the_voice_api_that_a_deploy_starts(kvx: Kvx) -> None:
    flags = ("--model", "embedded", "--seconds", "1", "--rounds", "1", "--json")
    ended = kvx("bench", "voice", *flags, timeout=250)
    assert ended.returncode == 0, ended.stderr
    report = json.loads(ended.stdout)
    assert report["schema"] == "voice-api/bench/v1"
    assert [model["model"] for model in report["models"]] == ["embedded"]
    assert "embedded: 1 s" in ended.stderr


def test_what_the_voice_api_refuses_is_refused_in_its_words(kvx: Kvx) -> None:
    ended = kvx("bench", "voice", "--tokens", "many")
    assert ended.returncode == 2
    assert ended.stderr.startswith("voice-api: --tokens is not numbers")
    assert "fix: give --tokens" in ended.stderr


@pytest.mark.parametrize(
    ("flags", "code", "fix"),
    [
        (("--manifest",), 2, "kvx bench voice --manifest --image IMAGE"),
        (("--image", IMAGE), 2, "kvx bench voice --manifest --image IMAGE"),
        (("--target", "hetzner"), 3, "kvx bench voice --target local"),
    ],
)
def test_what_cannot_be_measured_says_what_to_type(
    kvx: Kvx, flags: tuple[str, ...], code: int, fix: str
) -> None:
    ended = kvx("bench", "voice", *flags)
    assert ended.returncode == code
    assert ended.stdout == ""
    assert ended.stderr.splitlines()[-1].startswith(f"fix: {fix}")


def test_a_program_that_takes_too_long_is_ended_with_all_it_started(tmp_path: Path) -> None:
    trace = tmp_path / "pid"
    script = f"sleep 300 & echo $! >{trace}; wait"
    started = time.monotonic()
    with pytest.raises(KvxError, match="did not end within 10 s"):
        run_shown(("sh", "-c", script), 10.0)
    assert time.monotonic() - started < 100
    state = Path("/proc", trace.read_text().strip(), "stat")
    end = time.monotonic() + 60
    while not _has_ended(state):  # a signal is on its way for a moment
        assert time.monotonic() < end
        time.sleep(0.05)


def _has_ended(state: Path) -> bool:
    try:
        return state.read_text().split()[2] == "Z"
    except (FileNotFoundError, ProcessLookupError):
        return True


def test_flags_reach_the_program_in_the_pod(job: Callable[..., dict[str, Any]]) -> None:
    asked = container(job("--seconds", "5", "--model", "random-tiny", "--json"))
    assert asked["command"][:2] == ["voice-api", "bench"]
    assert asked["command"][2:] == ["--seconds", "5", "--model", "random-tiny", "--json"]


def test_a_pod_without_a_model_named_measures_what_fits_into_it(job: Callable[..., dict[str, Any]]) -> None:
    asked = container(job())
    assert asked["command"] == ["voice-api", "bench", "--model", "embedded"]
    assert asked["resources"]["limits"] == {"memory": "512Mi", "cpu": "500m"}
    assert asked["resources"]["requests"] == asked["resources"]["limits"]


def test_a_pod_is_kept_to_arm64_nodes_only_where_that_is_asked(job: Callable[..., dict[str, Any]]) -> None:
    chosen = job("--arm64")["spec"]["template"]["spec"]["nodeSelector"]
    assert chosen == {"kubernetes.io/arch": "arm64"}
    assert "nodeSelector" not in job()["spec"]["template"]["spec"]


@pytest.mark.needs("kube-apiserver")
def test_a_cluster_takes_the_job(
    api_server: ApiServer, restricted: str, job: Callable[..., dict[str, Any]]
) -> None:
    manifest = job("--arm64", "--memory", "1Gi", "--cpu", "2")
    path = f"/apis/batch/v1{restricted}/jobs?dryRun=All&fieldValidation=Strict"
    taken: Any = api_server.request("POST", path, manifest)
    assert container(taken)["image"] == IMAGE
    assert taken["spec"]["template"]["spec"]["nodeSelector"] == {"kubernetes.io/arch": "arm64"}


@pytest.mark.needs("kube-apiserver")
def test_a_namespace_that_admits_only_restricted_pods_admits_its_pod(
    api_server: ApiServer, restricted: str, job: Callable[..., dict[str, Any]]
) -> None:
    path = f"/api/v1{restricted}/pods?dryRun=All&fieldValidation=Strict"
    admitted: Any = api_server.request("POST", path, pod(job()))
    assert admitted["spec"]["containers"][0]["resources"]["limits"]["memory"] == "512Mi"


@pytest.mark.needs("kube-apiserver")
def test_that_namespace_refuses_a_pod_that_may_become_root(
    api_server: ApiServer, restricted: str, job: Callable[..., dict[str, Any]]
) -> None:
    manifest = job()
    container(manifest)["securityContext"].pop("allowPrivilegeEscalation")
    path = f"/api/v1{restricted}/pods?dryRun=All"
    with pytest.raises(AssertionError, match="allowPrivilegeEscalation"):
        api_server.request("POST", path, pod(manifest))

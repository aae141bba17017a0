"""kvx status of a cluster, asked of a real API server: one screen, few calls, and what is missing by name."""

import json
import re
import signal
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from half_down import HANGS, half_down, kubeconfig
from standing_cluster import (
    APPS,
    CLEANING,
    DATABASE,
    SCALERS,
    SELF,
    SETS,
    Standing,
    pulling_pod,
    released,
    scaler,
)

from kvx.drivers.looking_at_cluster import SECONDS

pytestmark = pytest.mark.needs("kube-apiserver", "kubectl", "definitions")

Kvx = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def status(patient_kvx: Kvx, standing: Standing) -> Callable[..., subprocess.CompletedProcess[str]]:
    """kvx status of the standing cluster."""

    def run(*more: str) -> subprocess.CompletedProcess[str]:
        return patient_kvx("status", "--target", "cluster", *more, cwd=standing.folder)

    return run


def found(done: subprocess.CompletedProcess[str]) -> dict[str, Any]:
    document: dict[str, Any] = json.loads(done.stdout)
    assert document["schema"] == "kvx/status/v1"
    assert document["exit_code"] == done.returncode
    return document


def test_one_screen_says_what_runs_and_how(status: Kvx) -> None:
    done = status()
    assert (done.returncode, done.stderr) == (0, "")
    for words in (
        "state     ready: voice-api 2 of 2",
        "deployed  release 1, git 0123456789ab, ",
        "image     voice-api@sha256:abababababab",
        "nodes     2, all ready",
        "edge-control-plane-1 ready, arm64",
        "pods      2, all ready, never restarted",
        "scaling   2 of 2 to 3 replicas; processor 35 % of 300 %",
        "advice    voice-api processor 250m (100m requested)",
        "processor limits 1 of 2, memory limits 1 GiB of 4 GiB, pods 2 of 10",
        "budget    none: ",
        "alerts    not watched: the component monitoring is not switched on",
        "drift     none in ",
    ):
        assert words in done.stdout
    assert len(done.stdout.splitlines()) <= 24


def test_fewer_than_fifteen_calls_are_made_and_none_writes(status: Kvx, standing: Standing) -> None:
    standing.set_status(f"{SELF}/pods/voice-api-1", pulling_pod())  # its events are asked for, too
    standing.among(standing.folder, components=["monitoring"])
    before = len(standing.server.audited("kvx/"))
    status()
    calls = standing.server.audited("kvx/")[before:]
    assert 10 < len(calls) < 15
    assert {each["verb"] for each in calls} <= {"get", "list"}


def test_with_a_database_and_jobs_beside_it_calls_are_no_more_and_both_are_told(
    status: Kvx, standing: Standing
) -> None:
    standing.set_status(f"{SELF}/pods/voice-api-1", pulling_pod())
    standing.set_status(f"{APPS}/voice-api", {"readyReplicas": 1, "availableReplicas": 1})
    standing.among(standing.folder, components=["monitoring"])
    with released(standing, DATABASE, CLEANING):
        before = len(standing.server.audited("kvx/"))
        done = status()
        calls = standing.server.audited("kvx/")[before:]
        document = json.loads(status("--json").stdout)
    assert 10 < len(calls) < 15
    assert done.returncode == 0, done.stderr
    assert "state     degraded: voice-api 1 of 2, postgres 0 of 1" in done.stdout
    assert "jobs      1, 1 not well" in done.stdout
    assert "cleaning its run of 2026-11-21T18:41:00Z came to no good end" in done.stdout
    assert {each["name"]: each["kind"] for each in document["workloads"]} == {
        "voice-api": "Deployment",
        "postgres": "StatefulSet",
    }
    assert [each["last_run"] for each in document["jobs"]] == ["2026-11-21T18:41:00Z"]
    assert document["drift"]["kinds"].count("CronJob") == 1


def test_what_only_stands_beside_it_does_not_make_up_for_who_answers_nobody(
    status: Kvx, standing: Standing
) -> None:
    standing.set_status(f"{APPS}/voice-api", {"readyReplicas": 0, "availableReplicas": 0})
    ready = {
        "observedGeneration": 1,
        "replicas": 1,
        "updatedReplicas": 1,
        "readyReplicas": 1,
        "availableReplicas": 1,
    }
    with released(standing, DATABASE):
        standing.set_status(f"{SETS}/postgres", ready)
        done = status()
    assert done.returncode == 3
    assert "state     not ready: voice-api 0 of 2, postgres 1 of 1" in done.stdout


def test_its_document_has_every_part_under_its_name(status: Kvx) -> None:
    document = found(status("--json"))
    assert document["state"] == "ready"
    assert document["target"] == "cluster"
    assert document["versions"]["kubernetes"].startswith("v1.")
    assert document["deployed"]["git_revision"] == "0123456789abcdef"
    assert [pod["ready"] for pod in document["pods"]] == [True, True]
    assert [node["architecture"] for node in document["nodes"]] == ["arm64", "amd64"]
    assert document["scaling"][0]["at_maximum"] is False
    assert {each["resource"]: each["fits"] for each in document["advice"]} == {"cpu": False, "memory": True}
    assert {each["resource"]: each["share"] for each in document["quota"]}["limits.cpu"] == 0.5
    assert document["budget"]["seconds_left"] is None
    assert document["alerts"]["watched"] is False
    assert document["drift"]["differences"] == []
    assert document["missing"] == []


def test_a_pod_that_is_not_ready_says_why_in_words(status: Kvx, standing: Standing) -> None:
    standing.set_status(f"{SELF}/pods/voice-api-1", pulling_pod())
    standing.set_status(f"{APPS}/voice-api", {"readyReplicas": 1, "availableReplicas": 1})
    done = status()
    assert done.returncode == 0
    assert "state     degraded: voice-api 1 of 2" in done.stdout
    assert "voice-api-1 cannot get its image" in done.stdout
    assert "pods      2, 1 ready" in done.stdout


def test_nothing_ready_is_exit_code_3_with_the_reason(status: Kvx, standing: Standing) -> None:
    for number in (1, 2):
        standing.set_status(f"{SELF}/pods/voice-api-{number}", pulling_pod())
    standing.set_status(f"{APPS}/voice-api", {"readyReplicas": 0, "availableReplicas": 0})
    done = status()
    assert done.returncode == 3
    assert "the voice API does not serve: pod voice-api-1 cannot get its image" in done.stderr
    assert found(status("--json"))["state"] == "not-ready"


def test_an_autoscaler_at_its_maximum_or_without_figures_says_so(status: Kvx, standing: Standing) -> None:
    standing.set_status(f"{SCALERS}/voice-api", scaler(3))
    assert "3 of 2 to 3 replicas, at its maximum" in status().stdout
    unknown = {
        "reason": "FailedGetResourceMetric",
        "message": "no metrics returned from resource metrics API",
    }
    standing.set_status(f"{SCALERS}/voice-api", scaler(2, **unknown))
    assert "it does not scale: no metrics returned from resource metrics API" in status().stdout


def test_what_was_changed_by_hand_is_drift(status: Kvx, standing: Standing) -> None:
    standing.server.request("PATCH", f"{SELF}/services/voice-api", {"metadata": {"labels": {"more": "here"}}})
    assert "drift     none in" in status().stdout  # what nobody released is none of the release
    selector = {"spec": {"selector": {"app.kubernetes.io/name": "other"}}}
    standing.server.request("PATCH", f"{SELF}/services/voice-api", selector)
    standing.kubectl("delete", "poddisruptionbudget", "voice-api", "--namespace=kvx")
    shown = status().stdout
    assert "PodDisruptionBudget voice-api is gone" in shown
    assert "Service voice-api differs: spec.selector.app.kubernetes.io/name" in shown


def test_how_many_replicas_an_autoscaler_took_is_no_drift(status: Kvx, standing: Standing) -> None:
    standing.server.request("PATCH", f"{APPS}/voice-api", {"spec": {"replicas": 3}})
    assert "drift     none in" in status().stdout


def test_a_part_that_is_forbidden_is_named_and_the_rest_is_told(status: Kvx, standing: Standing) -> None:
    kubeconfig_of_a_viewer = standing.server.kubeconfig({"token": "powerless-token"}, name="viewer")
    to_read = "--verb=get,list", "--resource=pods,services,configmaps,deployments.apps"
    standing.kubectl("create", "role", "viewer", *to_read, "--namespace=kvx")
    bound = "--role=viewer", "--user=powerless", "--namespace=kvx"
    standing.kubectl("create", "rolebinding", "viewer", *bound)
    try:
        standing.among(standing.folder, kubeconfig=str(kubeconfig_of_a_viewer))
        document = found(status("--json"))
    finally:
        standing.kubectl("delete", "rolebinding/viewer", "role/viewer", "--namespace=kvx")
    assert document["exit_code"] == 4
    assert {each["part"] for each in document["missing"]} >= {"nodes"}
    assert document["nodes"] is None
    assert "powerless" in document["missing"][0]["reason"]
    assert [pod["ready"] for pod in document["pods"]] == [True, True]


@pytest.mark.parametrize("status_code", [HANGS, 503])
def test_half_of_a_cluster_is_told_while_the_other_does_not_answer(
    status: Kvx, standing: Standing, tmp_path: Path, status_code: int
) -> None:
    authority = standing.server.folder / "certs" / "apiserver.crt"
    bad = {"/pods": status_code, "/horizontalpodautoscalers": status_code}
    with half_down(standing.server.url, authority, bad) as url:
        standing.among(standing.folder, kubeconfig=str(kubeconfig(url, tmp_path)))
        done = status()
    assert done.returncode == 4
    assert "state     ready: voice-api 2 of 2" in done.stdout
    unknown = done.stdout[done.stdout.index("unknown   ") :]
    assert "the pods" in unknown
    assert "the autoscaler" in unknown
    assert "2 things could not be asked" in done.stderr


def test_no_question_is_waited_for_longer_than_a_person_waits(
    kvx: Kvx, standing: Standing, tmp_path: Path
) -> None:
    authority = standing.server.folder / "certs" / "apiserver.crt"
    with half_down(standing.server.url, authority, {"/pods": HANGS}) as url:
        standing.among(standing.folder, kubeconfig=str(kubeconfig(url, tmp_path)))
        document = found(kvx("status", "--target", "cluster", "--json", cwd=standing.folder))
    missing = {each["part"]: each["reason"] for each in document["missing"]}
    waited = re.search(r"answer within (\S+) s", missing["pods"])
    assert waited is not None, missing
    assert float(waited[1]) <= SECONDS


def test_a_cluster_that_is_not_there_is_told_once(status: Kvx, standing: Standing, tmp_path: Path) -> None:
    standing.among(standing.folder, kubeconfig=str(kubeconfig("http://127.0.0.1:9", tmp_path)))
    done = status()
    assert done.returncode == 4
    assert "state     unknown" in done.stdout
    assert done.stdout.count("cannot be reached") == 1


def test_without_a_kubeconfig_the_fix_is_told(kvx: Kvx, tmp_path: Path) -> None:
    done = kvx("status", "--target", "cluster", HOME=str(tmp_path), KUBECONFIG="")
    assert done.returncode == 3
    assert "fix: " in done.stderr


def test_watching_looks_again_until_ctrl_c_and_ends_well(standing: Standing, patient: list[str]) -> None:
    # Where the tests run in the background of a shell, Ctrl-C is ignored, and children inherit that.
    command = ["env", "--default-signal=INT", *patient, "status", "--target", "cluster"]
    with subprocess.Popen(
        [*command, "--watch"], cwd=standing.folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        seen = 0
        while seen < 2:
            seen += process.stdout.readline().startswith("target")
        process.send_signal(signal.SIGINT)
        _, talk = process.communicate(timeout=60)
    assert (process.returncode, talk) == (0, "")


def test_where_engines_elsewhere_may_be_asked_what_is_left_is_told_or_said_to_be_unknown(
    status: Kvx, standing: Standing
) -> None:
    """Pods of this cluster run nowhere, so that none can say it."""
    standing.among(standing.folder, components=["cloud-engine"])
    done = status()
    assert done.returncode == 4
    assert "budget    unknown, as told below" in done.stdout
    assert "unknown   what is left of cloud engines: " in done.stdout
    assert found(status("--json"))["budget"]["usage"] is None

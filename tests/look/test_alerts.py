"""kvx status shows what a real Prometheus says fires, asked through the API server's proxy."""

import json
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import urllib3
import yaml
from standing_cluster import Standing

pytestmark = pytest.mark.needs("kube-apiserver", "kubectl", "definitions", "prometheus")

Kvx = Callable[..., subprocess.CompletedProcess[str]]
SELF = "/api/v1/namespaces/monitoring"
DEADLINE_SECONDS = 100.0
RULES = {
    "groups": [
        {
            "name": "trial",
            "interval": "1s",
            "rules": [
                {
                    "alert": "KvxVoiceAtMaximum",
                    "expr": "vector(1)",
                    "labels": {"severity": "warning"},
                    "annotations": {"summary": "The autoscaler can add no more replicas."},
                },
                {"alert": "KvxVoiceApiAbsent", "expr": "vector(1)", "labels": {"severity": "critical"}},
                {"alert": "KvxNodeHot", "expr": "vector(1)", "for": "1h", "labels": {"severity": "warning"}},
                {"alert": "KvxNodePressure", "expr": "vector(0) > 1"},
            ],
        }
    ]
}


def own_address() -> str:
    """An address of this machine that is not loopback, which an API server would not go to."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.connect(("192.0.2.1", 9))  # nothing is sent
        return str(probe.getsockname()[0])


@pytest.fixture
def prometheus(tmp_path: Path) -> Iterator[tuple[str, int]]:
    """A Prometheus with alerts that fire, and where it listens."""
    rules = tmp_path / "rules.yaml"
    rules.write_text(yaml.safe_dump(RULES))
    configuration = tmp_path / "prometheus.yaml"
    times = {"scrape_interval": "1s", "evaluation_interval": "1s"}
    configuration.write_text(yaml.safe_dump({"global": times, "rule_files": [str(rules)]}))
    address = own_address()
    with socket.socket() as free:
        free.bind((address, 0))
        port = free.getsockname()[1]
    command = ["prometheus", f"--config.file={configuration}", f"--storage.tsdb.path={tmp_path}/data"]
    log = (tmp_path / "prometheus.log").open("wb")
    with (
        log,
        subprocess.Popen(
            [*command, f"--web.listen-address={address}:{port}"], stdout=log, stderr=log
        ) as process,
    ):
        try:
            _await_firing(f"http://{address}:{port}/api/v1/alerts", process)
            yield address, port
        finally:
            process.terminate()
            process.wait(timeout=30)


def _await_firing(url: str, process: "subprocess.Popen[bytes]") -> None:
    end = time.monotonic() + DEADLINE_SECONDS
    with urllib3.PoolManager() as pool:
        while time.monotonic() < end and process.poll() is None:
            try:
                answer = pool.request("GET", url, timeout=5, retries=False)
                if answer.status == 200 and len(answer.json()["data"]["alerts"]) == 3:
                    return
            except urllib3.exceptions.HTTPError:
                pass
            time.sleep(0.2)
    raise AssertionError("Prometheus told of no alerts")


@pytest.fixture
def watched(standing: Standing, prometheus: tuple[str, int]) -> Iterator[Standing]:
    """The cluster with that Prometheus behind the Service that its operator would make."""
    address, port = prometheus
    metadata = {"name": "prometheus-operated", "namespace": "monitoring"}
    request = standing.server.request
    request("POST", "/api/v1/namespaces", {"metadata": {"name": "monitoring"}})
    ports = [{"name": "http-web", "port": 9090, "targetPort": port}]
    request("POST", f"{SELF}/services", {"metadata": metadata, "spec": {"clusterIP": "None", "ports": ports}})
    # The proxy goes to addresses of pods alone.
    container = {"name": "prometheus", "image": "localhost/prometheus"}
    pod = {
        "metadata": {**metadata, "name": "prometheus-0"},
        "spec": {"containers": [container], "nodeName": "n"},
    }
    request("POST", f"{SELF}/pods", pod)
    addresses = {"podIP": address, "podIPs": [{"ip": address}]}
    standing.set_status(f"{SELF}/pods/prometheus-0", {"phase": "Running", **addresses})
    of = {"kind": "Pod", "name": "prometheus-0", "namespace": "monitoring"}
    subset = {
        "addresses": [{"ip": address, "targetRef": of}],
        "ports": [{"name": "http-web", "port": port}],
    }
    request("POST", f"{SELF}/endpoints", {"metadata": metadata, "subsets": [subset]})
    standing.among(standing.folder, components=["monitoring"])
    yield standing
    request("DELETE", f"{SELF}/services/prometheus-operated")
    request("DELETE", f"{SELF}/pods/prometheus-0", {"gracePeriodSeconds": 0})


def alerts(done: "subprocess.CompletedProcess[str]") -> dict[str, Any]:
    found: dict[str, Any] = json.loads(done.stdout)["alerts"]
    return found


def test_what_fires_is_shown_the_worst_first_and_what_waits_is_counted(
    patient_kvx: Kvx, watched: Standing
) -> None:
    shown = patient_kvx("status", "--target", "cluster", cwd=watched.folder).stdout
    assert "alerts    2 firing; 1 pending" in shown, shown
    assert "critical KvxVoiceApiAbsent for " in shown
    assert ": The autoscaler can add no more replicas." in shown
    found = alerts(patient_kvx("status", "--target", "cluster", "--json", cwd=watched.folder))
    assert [each["name"] for each in found["firing"]] == ["KvxVoiceApiAbsent", "KvxVoiceAtMaximum"]
    assert (found["watched"], found["pending"]) == (True, 1)


def test_where_no_prometheus_is_nobody_watches(patient_kvx: Kvx, standing: Standing) -> None:
    standing.among(standing.folder, components=["monitoring"])
    done = patient_kvx("status", "--target", "cluster", cwd=standing.folder)
    assert done.returncode == 0
    assert "alerts    not watched: no Prometheus of the Prometheus operator is there" in done.stdout

"""The cost report as a pod of a real node: by its rights and policies, with its volume, and to Prometheus."""

import importlib.util
import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import yaml
from typing_volumes import volume_for

pytestmark = [pytest.mark.needs("node", "images", "kubectl"), pytest.mark.timeout(900)]

ROOT = Path(__file__).parents[2]
K8S = ROOT / "k8s"
SECONDS = 180
METADATA = "169.254.169.254"
API_PORT = 6443  # one of the two that the report's way out is open for
SERVICE = "http://voice-api.kvx.svc.cluster.local"
OWN = {"app.kubernetes.io/name": "cost-report"}
NOT_THERE = "ServiceMonitor"  # the node has no Prometheus operator
WAY = """
import os, signal, socket, sys, threading
signal.signal(signal.SIGTERM, lambda *_: os._exit(0))
def pass_on(one, other):
    try:
        while data := one.recv(65536):
            other.sendall(data)
    except OSError:
        pass
    finally:
        other.close()
server = socket.create_server(("127.0.0.1", 8080))
while True:
    here, _ = server.accept()
    there = socket.create_connection((sys.argv[1], int(sys.argv[2])), timeout=20)
    for pair in ((here, there), (there, here)):
        threading.Thread(target=pass_on, args=pair, daemon=True).start()
"""
FIGURES = """
import sys
from urllib.request import urlopen
with urlopen(sys.argv[1], timeout=20) as answer:
    print(answer.headers["content-type"], answer.read().decode(), sep="\\n")
"""


def _month() -> ModuleType:
    """tests/cost/month.py, which has the simulated Hetzner."""
    path = ROOT / "tests" / "cost" / "month.py"
    spec = importlib.util.spec_from_file_location("cost_month_in_a_cluster", path)
    assert spec is not None
    assert spec.loader is not None
    module = sys.modules[spec.name] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


MONTH = _month()


@dataclass(frozen=True, slots=True)
class Looking:
    """The component beside a voice API that serves, and the account that it looks at."""

    node: Any
    hetzner: Any

    def look(self, name: str) -> dict[str, str]:
        """Run the CronJob's job once, and tell what its ConfigMap has then.

        Two things differ from what is shipped: where Hetzner is, which a sidecar opens a way to, as a token
        goes to no other address without TLS than the pod's own; and that it does not pause before.
        """
        made = ("create", "job", name, "--from=cronjob/cost-report", "--dry-run=client", "-o", "json")
        job = json.loads(self.node.kubectl("-n", "kvx", *made))
        own = {"HCLOUD_ENDPOINT": "http://127.0.0.1:8080/v1", "KVX_COST_JITTER_SECONDS": "0"}
        (box,) = job["spec"]["template"]["spec"]["containers"]
        command = ["/usr/bin/python3", "-P", "-c", WAY, self.node.place.outside, str(API_PORT)]
        way = {name: box[name] for name in ("image", "imagePullPolicy", "securityContext", "resources")}
        way |= {"name": "way", "restartPolicy": "Always", "command": command}
        job["spec"]["template"]["spec"]["initContainers"] = [way]
        box["env"] = [{"name": each, "value": value} for each, value in own.items()]
        self.node.kubectl("apply", "--server-side", "-f", "-", text=json.dumps(job))
        wait = ("wait", "--for=condition=complete", f"--timeout={SECONDS}s", f"job/{name}")
        done = self.node.tried("-n", "kvx", *wait, seconds=SECONDS + 10)
        assert done.returncode == 0, self.node.tried("-n", "kvx", "logs", f"job/{name}").stdout
        return self.told()

    def told(self) -> dict[str, str]:
        found = json.loads(self.node.kubectl("-n", "kvx", "get", "configmap", "cost-report", "-o", "json"))
        return dict(found["data"])


@pytest.fixture(scope="module")
def looking(
    served: Any, voice_api_image: str, kvx_image: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Looking]:
    node, folder = served, tmp_path_factory.mktemp("cost")
    objects = rendered(node, folder, voice_api_image, kvx_image)
    (folder / "hetzner").mkdir()
    begin = int(time.time()) - 7200
    place = (node.place.outside, API_PORT)
    with (
        volume_for(node, "cost-report-ledger", "1Gi"),
        MONTH.project(folder / "hetzner", begin, tells_time=True, place=place) as on,
    ):
        name = json.loads(node.kubectl("get", "nodes", "-o", "json"))["items"][0]["metadata"]["name"]
        on.send("POST", "/servers", name=name, server_type="cax21", image="debian-12", location="nbg1")
        on.clock.now = time.time()
        node.kubectl("apply", "--server-side", "-f", "-", text=json.dumps(secret()))
        node.kubectl("apply", "--server-side", "--force-conflicts", "-f", "-", text=objects)
        try:
            yield Looking(node, on)
        finally:
            left = ("job", "cronjob", "deployment", "service", "networkpolicy", "persistentvolumeclaim")
            mine = [f"{kind}/{each}" for kind, each in named(objects) if "cost-" in each and kind in left]
            node.kubectl("-n", "kvx", "delete", "job", "--all", seconds=SECONDS)
            node.kubectl(
                "-n", "kvx", "delete", "--ignore-not-found", "secret/cost-report", *mine, seconds=SECONDS
            )


def secret() -> dict[str, Any]:
    data = {"HCLOUD_TOKEN": MONTH.TOKEN}
    about = {"name": "cost-report", "namespace": "kvx"}
    return {"apiVersion": "v1", "kind": "Secret", "metadata": about, "stringData": data}


def rendered(node: Any, folder: Path, voice_api: str, kvx: str) -> str:
    """What is shipped, with both images and room for both components, but for what the node does not know.

    The CronJob looks by no clock, so that nobody looks but the tests.
    """
    images = [
        {"name": f"kvx.invalid/{name}", "newName": image.split("@")[0], "digest": image.split("@")[1]}
        for name, image in (("voice-api", voice_api), ("kvx", kvx))
    ]
    suspended = {"op": "add", "path": "/spec/suspend", "value": True}
    parts = [K8S / "components" / each for each in ("vpa", "cost-report", "cost-figures")]
    content = {
        "apiVersion": "kustomize.config.k8s.io/v1beta1",
        "kind": "Kustomization",
        "resources": [os.path.relpath(K8S / "overlays" / "cluster", folder.resolve())],
        "components": [os.path.relpath(each, folder.resolve()) for each in parts],
        "images": images,
        "patches": [{"target": {"kind": "CronJob", "name": "cost-report"}, "patch": json.dumps([suspended])}],
    }
    (folder / "kustomization.yaml").write_text(json.dumps(content))
    text = str(node.kubectl("kustomize", str(folder)))
    kept = [each for each in text.split("\n---\n") if f"kind: {NOT_THERE}\n" not in each]
    return "\n---\n".join(kept)


def named(objects: str) -> list[tuple[str, str]]:
    found = [each for each in yaml.safe_load_all(objects) if each]
    return [(each["kind"].lower(), each["metadata"]["name"]) for each in found]


def test_a_look_from_within_prices_the_node_its_pods_and_a_minute_of_sound(
    looking: Looking, asking: Any
) -> None:
    heard = asking.speak(looking.node, asking.client, SERVICE, "how many nodes are there", "en-gb")
    assert heard["text"]
    data = looking.look("first-look")
    assert data["line"].startswith("kvx cost ")
    assert data["not-well"] == ""  # Hetzner, the API server, the voice API and its figures: all have answered
    report = json.loads(data["report.json"])
    assert (report["schema"], report["exit_code"]) == ("kvx/cost/v1", 0)
    assert float(report["monthly_net"]) > 0
    assert float(report["audio"]["heard_seconds"]) > 0
    assert float(report["audio"]["net_per_minute"]) > 0
    assert 'kvx_cost_namespace_monthly_euros{namespace="kvx"}' in data["figures.prom"]


def test_a_later_look_goes_on_with_the_ledger_of_the_volume(looking: Looking) -> None:
    """A price that is raised between two looks is not that of what stands already."""
    looking.look("before-it-is-dearer")
    looking.hetzner.dearer()
    looking.hetzner.clock.now = time.time()
    figures = looking.look("after-it-is-dearer")["figures.prom"]
    saved = next(each for each in figures.splitlines() if each.startswith("kvx_cost_kept_prices_euros "))
    assert float(saved.split()[1]) > 0


def test_the_figures_of_the_last_report_are_served_to_prometheus_and_to_nobody_else(
    looking: Looking, asking: Any, voice_api_image: str
) -> None:
    node, pods = looking.node, sys.modules["pods_that_ask"]
    looking.look("look-for-figures")
    # The kubelet brings news of a ConfigMap within a minute or two; a pod that begins has them at once.
    node.kubectl("-n", "kvx", "rollout", "restart", "deployment/cost-figures")
    node.kubectl("-n", "kvx", "rollout", "status", "deployment/cost-figures", "--timeout=120s", seconds=130)
    told = json.loads(
        node.kubectl("-n", "kvx", "get", "pods", "-l", "app.kubernetes.io/name=cost-figures", "-o", "json")
    )
    (pod,) = [each for each in told["items"] if "deletionTimestamp" not in each["metadata"]]
    pods.made(
        node,
        pods.namespace("monitoring", pods.RESTRICTED),
        pods.pod("prometheus", "monitoring", voice_api_image, {}),
    )
    try:
        url = "http://cost-figures.kvx.svc.cluster.local:9090/metrics"
        kind, _, figures = asking.run(node, "monitoring/prometheus", FIGURES, url).partition("\n")
        assert kind.startswith("text/plain; version=0.0.4")
        assert figures.strip() == looking.told()["figures.prom"].strip()
    finally:
        node.kubectl("delete", "namespace", "monitoring", seconds=120)
    for who in (asking.client, asking.stranger):
        assert asking.knock(node, who, pod["status"]["podIP"], 9090) == "TimeoutError"
    within = f"kvx/{pod['metadata']['name']}"
    for host, port in ((node.place.outside, API_PORT), (pod["status"]["hostIP"], API_PORT)):
        assert asking.knock(node, within, host, port, container="cost-figures") == "TimeoutError"


@pytest.fixture
def metadata_service(looking: Looking) -> Iterator[str]:
    """Somebody who takes connections at the address where clouds tell a machine's secrets."""
    line = looking.node.place.name
    subprocess.run(["ip", "address", "add", f"{METADATA}/32", "dev", line], check=True)
    try:
        with socket.create_server((METADATA, 443)):
            yield METADATA
    finally:
        subprocess.run(["ip", "address", "del", f"{METADATA}/32", "dev", line], check=True)


def test_the_report_reaches_what_it_asks_and_no_metadata_service(
    looking: Looking, asking: Any, voice_api_image: str, metadata_service: str
) -> None:
    node, pods = looking.node, sys.modules["pods_that_ask"]
    pods.made(node, pods.pod("like-the-report", "kvx", voice_api_image, OWN))
    try:
        who = "kvx/like-the-report"
        assert asking.enter(node, who, node.place.outside, API_PORT) == "open"
        assert asking.enter(node, who, "voice-api", 80) == "open"
        assert asking.knock(node, who, node.place.outside, 22) == "TimeoutError"
        assert asking.enter(node, asking.stranger, metadata_service, 443) == "open"  # no policy is on it
        assert asking.knock(node, who, metadata_service, 443) == "TimeoutError"
        address = json.loads(node.kubectl("-n", "kvx", "get", "pod", "like-the-report", "-o", "json"))
        assert asking.knock(node, asking.client, address["status"]["podIP"], 8484) == "TimeoutError"
    finally:
        node.kubectl("-n", "kvx", "delete", "pod", "like-the-report")

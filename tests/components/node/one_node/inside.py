"""The first process in namespaces of the cluster's own: starts its programs, and ends with all of them.

usage: python -m one_node.inside NUMBER KUBERNETES_PROGRAMS MORE_PROGRAMS DEFINITIONS
"""

import json
import os
import ssl
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Mapping
from pathlib import Path

from one_node import commands, configuration, credentials, privacy
from one_node.place import ADMIN_TOKEN, METRICS_PORT, Place
from one_node.programs import run, started, until

MANIFESTS = Path(__file__).parents[1] / "manifests"
READY = "ready"
START_SECONDS = 120.0


def main(number: str, *folders: str) -> None:
    place = Place(int(number))
    kubernetes, more, definitions = map(Path, folders)
    begin = time.monotonic()
    privacy.settle(place)
    _control_plane(place, kubernetes)
    _node(place, kubernetes, more)
    _additions(place, more, definitions)
    (place.folder / READY).write_text(f"{time.monotonic() - begin:.1f}\n")
    _bury()


def _control_plane(place: Place, programs: Path) -> None:
    (place.folder / "logs").mkdir()
    (place.folder / "audit.yaml").write_text(json.dumps(_audit_policy()))
    credentials.write(place)
    configuration.write(place)
    for folder in ("certificates", "etcd"):
        (place.folder / folder).mkdir(mode=0o700)
    _start(place, "etcd", commands.etcd(place))
    _start(place, "containerd", commands.containerd(place))
    _start(place, "kube-apiserver", commands.kube_apiserver(place, programs))
    until("the API server is ready", START_SECONDS, lambda: _answers(place))
    _write_kubeconfigs(place)
    _start(place, "kube-controller-manager", commands.kube_controller_manager(place, programs))
    _start(place, "kube-scheduler", commands.kube_scheduler(place, programs))


def _audit_policy() -> Mapping[str, object]:
    """Who changed what, for tests that count writes."""
    writes = {"level": "Metadata", "verbs": ["create", "update", "patch", "delete", "deletecollection"]}
    return {
        "apiVersion": "audit.k8s.io/v1",
        "kind": "Policy",
        "omitStages": ["RequestReceived"],
        "rules": [writes, {"level": "None"}],
    }


def _write_kubeconfigs(place: Place) -> None:
    authority = place.folder / "certificates" / "apiserver.crt"
    credentials.kubeconfig(place, place.folder / "kubeconfig", ADMIN_TOKEN, authority)
    for user in (*credentials.PARTS, f"system:node:{place.name}"):
        own = credentials.token(user)
        path = place.folder / "credentials" / f"{own}.kubeconfig"
        credentials.kubeconfig(place, path, own, authority)


def _node(place: Place, programs: Path, images: Path) -> None:
    until("containerd answers", START_SECONDS, place.containerd.is_socket)
    for archive in sorted(images.glob("*.tar")):
        run("ctr", "-a", str(place.containerd), "-n", "k8s.io", "images", "import", str(archive))
    _start(place, "kubelet", commands.kubelet(place, programs))
    _start(place, "kube-proxy", commands.kube_proxy(place, programs))


def _additions(place: Place, programs: Path, definitions: Path) -> None:
    """What a cluster is not born with: names, figures, advice, and somebody who keeps its policies."""
    _start(place, "policies", commands.policies(place, programs))
    _apply(place, definitions / "vpa-v1-crd-gen.yaml")
    for template in sorted(MANIFESTS.glob("*.yaml")):
        filled = place.folder / template.name
        filled.write_text(_filled(place, template.read_text()))
        _apply(place, filled)
    _start(place, "metrics-server", commands.metrics_server(place, programs))
    _start(place, "recommender", commands.recommender(place, programs))
    wait = ("wait", "--for=condition=Ready", f"node/{place.name}", "--timeout=120s")
    until("the node is registered", START_SECONDS, lambda: place.name in _kubectl(place, "get", "nodes"))
    _kubectl(place, *wait)
    # Where a part of the API does not answer, no namespace can be deleted.
    figures = ("wait", "--for=condition=Available", "apiservice/v1beta1.metrics.k8s.io", "--timeout=120s")
    _kubectl(place, *figures)
    _kubectl(place, "-n", "kube-system", "rollout", "status", "deployment/coredns", "--timeout=120s")


def _filled(place: Place, text: str) -> str:
    words = {"@ADDRESS@": place.address, "@NAMES@": place.names_service, "@METRICS_PORT@": str(METRICS_PORT)}
    for word, value in words.items():
        text = text.replace(word, value)
    return text


def _apply(place: Place, file: Path) -> None:
    _kubectl(place, "apply", "--server-side", "-f", str(file))


def _kubectl(place: Place, *arguments: str) -> str:
    return run("kubectl", f"--kubeconfig={place.folder}/kubeconfig", *arguments)


def _start(place: Place, name: str, command: list[str]) -> None:
    started(command, place.folder / "logs" / f"{name}.log")


def _answers(place: Place) -> bool:
    authority = place.folder / "certificates" / "apiserver.crt"
    try:
        trust = ssl.create_default_context(cafile=str(authority))
        asked = urllib.request.Request(
            f"{place.url}/readyz", headers={"Authorization": f"Bearer {ADMIN_TOKEN}"}
        )
        with urllib.request.urlopen(asked, timeout=2, context=trust) as answer:
            return bool(answer.status == 200)
    except (OSError, urllib.error.URLError):  # also where the certificate is not written yet
        return False


def _bury() -> None:
    """The first process of a namespace is the parent of all that lost theirs."""
    while True:
        try:
            os.wait()
        except ChildProcessError:
            time.sleep(1)


if __name__ == "__main__":
    main(*sys.argv[1:])

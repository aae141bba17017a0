"""Every question is answered from a real API server, with no secret in what is said, and by live names."""

import json
import time
from collections.abc import Iterator
from typing import Any

import pytest

from voice_api.cluster.kubernetes import KubernetesCluster, cluster_from_kubeconfig
from voice_api.cluster.requests import Patience
from voice_api.commands.conversation.turn import Turn
from voice_api.commands.core import CommandCore

pytestmark = pytest.mark.needs("kube-apiserver", "etcd", "openssl")

SPACE = "bakery"
CANARY = "kanarienvogel-4711"
APPS, CORE = f"/apis/apps/v1/namespaces/{SPACE}", f"/api/v1/namespaces/{SPACE}"
BATCH = f"/apis/batch/v1/namespaces/{SPACE}"
WAIT_SECONDS = 120.0
PATIENT = Patience(60, 60, 60)
LABELS = {"matchLabels": {"app": "oven"}}
LEAKY = {"kubectl.kubernetes.io/last-applied-configuration": json.dumps({"password": CANARY}), "note": CANARY}
CONTAINER = {
    "name": "oven",
    "image": "registry.example/team/oven:1.2.5",
    "env": [{"name": "PASSWORD", "value": CANARY}],
    "args": [f"--api-token={CANARY}"],
}
TEMPLATE = {"metadata": {"labels": {"app": "oven"}}, "spec": {"containers": [CONTAINER]}}
CRASHED = {
    "phase": "Running",
    "conditions": [{"type": "Ready", "status": "False"}],
    "containerStatuses": [
        {
            "name": "oven",
            "image": "oven",
            "imageID": "",
            "ready": False,
            "restartCount": 7,
            "state": {"waiting": {"reason": "CrashLoopBackOff", "message": f"password={CANARY}"}},
            "lastState": {"terminated": {"exitCode": 137, "reason": "OOMKilled"}},
        }
    ],
}
DEPLOYMENT = {"replicas": 2, "selector": LABELS, "template": TEMPLATE}
STATUS = {"replicas": 2, "readyReplicas": 1, "updatedReplicas": 1, "observedGeneration": 1}


@pytest.fixture(scope="module")
def bakery(api_server: Any) -> Iterator[Any]:
    """A namespace with a deployment in trouble, what belongs to it, and canaries wherever secrets may be."""
    make = api_server.request
    make("POST", "/api/v1/namespaces", {"metadata": {"name": SPACE}})
    make("POST", "/api/v1/nodes", {"metadata": {"name": "stove-1"}, "spec": {"unschedulable": True}})
    conditions = [{"type": "Ready", "status": "True"}, {"type": "DiskPressure", "status": "True"}]
    make("PATCH", "/api/v1/nodes/stove-1/status", {"status": {"conditions": conditions}})
    oven = make("POST", f"{APPS}/deployments", {"metadata": named("oven"), "spec": DEPLOYMENT})
    make("PATCH", f"{APPS}/deployments/oven/status", {"status": STATUS})
    make("POST", f"{APPS}/replicasets", {"metadata": revision(oven), "spec": DEPLOYMENT})
    make("POST", f"{CORE}/pods", {"metadata": named("oven-1-x", app="oven"), "spec": TEMPLATE["spec"]})
    make("PATCH", f"{CORE}/pods/oven-1-x/status", {"status": CRASHED})
    make("POST", f"{CORE}/services", {"metadata": named("oven"), "spec": {"ports": [{"port": 80}]}})
    make("POST", f"{CORE}/secrets", {"metadata": named("oven"), "stringData": {"password": CANARY}})
    make("POST", f"{CORE}/events", event("oven-1-x", "BackOff", f"Back-off, token: {CANARY}"))
    make("POST", f"{BATCH}/jobs", {"metadata": named("nightly-dough"), "spec": {"template": job_template()}})
    yield api_server
    for path in (f"{APPS}/deployments/oven", f"{APPS}/replicasets/oven-1", f"{CORE}/pods/oven-1-x",
                 f"{CORE}/services/oven", f"{CORE}/secrets/oven", f"{CORE}/events/oven-1-x.1",
                 f"{BATCH}/jobs/nightly-dough", "/api/v1/nodes/stove-1"):  # fmt: skip
        make("DELETE", path, {"gracePeriodSeconds": 0, "propagationPolicy": "Background"})


def named(name: str, **labels: str) -> dict[str, Any]:
    return {"name": name, "annotations": LEAKY, "labels": labels}


def revision(oven: Any) -> dict[str, Any]:
    owner = {"apiVersion": "apps/v1", "kind": "Deployment", "name": "oven",
             "uid": oven["metadata"]["uid"], "controller": True}  # fmt: skip
    annotations = {"deployment.kubernetes.io/revision": "3"}
    labels = {"app": "oven"}
    return {"name": "oven-1", "annotations": annotations, "labels": labels, "ownerReferences": [owner]}


def event(pod: str, reason: str, message: str) -> dict[str, Any]:
    about = {"kind": "Pod", "name": pod, "namespace": SPACE}
    return {"metadata": {"name": f"{pod}.1"}, "involvedObject": about, "type": "Warning", "count": 3,
            "reason": reason, "message": message, "lastTimestamp": "2026-11-21T12:00:00Z"}  # fmt: skip


def job_template() -> dict[str, Any]:
    return {"spec": {"restartPolicy": "Never", "containers": [CONTAINER]}}


@pytest.fixture(scope="module")
def core(bakery: Any) -> CommandCore:
    return CommandCore(cluster_from_kubeconfig([bakery.kubeconfig()], patience=PATIENT))


ANSWERED = [
    (
        "describe oven in bakery",
        "The deployment oven in bakery has one of two pods ready and runs oven 1.2.5.",
    ),
    ("what is wrong with oven in bakery", "oven in bakery: crash looping."),
    (
        "what is wrong with the pod oven one x",
        "oven-1-x in bakery: crash looping; before that it ended: out of memory, exit code 137.",
    ),
    ("what is wrong with node stove one", "stove-1: its disk is nearly full; it takes no new pods."),
    ("events in bakery", "One warning in bakery: oven-1-x, back off."),
    ("what happened to oven in bakery", "One warning to oven in bakery: oven-1-x, back off."),
    ("restarts in bakery", "Restarted was one pod: oven-1-x seven times."),
    ("images of oven in bakery", "oven in bakery runs oven 1.2.5."),
    (
        "rollout status of oven in bakery",
        "The rollout of oven in bakery goes on: one of two pods are updated and one ready.",
    ),
    (
        "rollout history of oven in bakery",
        "There is one revision of oven in bakery: revision 3 with oven 1.2.5.",
    ),
    ("list the services in bakery", "There is one service in bakery: oven."),
    ("list the jobs in bakery", "There is one job in bakery: nightly-dough."),
    ("list the stateful sets in bakery", "There are no stateful sets in bakery."),
    ("how is nightly dough doing", "The job nightly-dough in bakery: no pods run."),
    ("top pods", "Nobody measures what is used in this cluster."),
    ("how many pods are in bakery", "There is one pod in bakery, one not ready."),
]


@pytest.mark.parametrize(("said", "reply"), ANSWERED)
def test_what_is_asked_is_answered_from_the_cluster(core: CommandCore, said: str, reply: str) -> None:
    answer = core.answer(said, Turn(session="bench"))
    assert answer.reply == reply
    assert CANARY not in json.dumps([answer.reply, dict(answer.data)], default=str)


def test_no_secret_comes_through_any_object(bakery: Any) -> None:
    cluster = cluster_from_kubeconfig([bakery.kubeconfig()], patience=PATIENT)
    kinds = ("deployment", "replicaset", "pod", "service", "event", "job", "node")
    seen = json.dumps([cluster.explorer.objects(kind, SPACE) for kind in kinds], default=str)
    assert "oven" in seen
    assert CANARY not in seen
    assert "secret" not in {each.kind for each in cluster.named()}


def test_of_configmaps_one_is_read_by_its_name_and_none_is_listed(bakery: Any) -> None:
    cluster = cluster_from_kubeconfig([bakery.kubeconfig()], patience=PATIENT)
    made = {"metadata": {"name": "report"}, "data": {"line": f"so far 3 euros, token={CANARY}"}}
    bakery.request("POST", f"{CORE}/configmaps", made)
    found = cluster.explorer.one("configmap", SPACE, "report")
    assert found["data"] == {"line": "so far 3 euros, token=(hidden)"}
    with pytest.raises(KeyError):
        cluster.explorer.objects("configmap", SPACE)
    bakery.request("DELETE", f"{CORE}/configmaps/report")


def test_of_a_workload_only_its_own_pods_are_sent(bakery: Any) -> None:
    make = bakery.request
    wishes = {"matchExpressions": [
        {"key": "app", "operator": "In", "values": ["kneader", "oven"]},
        {"key": "tier", "operator": "NotIn", "values": ["test"]},
        {"key": "shift", "operator": "Exists"},
        {"key": "old", "operator": "DoesNotExist"},
    ]}  # fmt: skip
    labels = {"app": "kneader", "shift": "night"}
    template = {"metadata": {"labels": labels}, "spec": {"containers": [CONTAINER]}}
    spec = {"replicas": 2, "selector": wishes, "template": template}
    make("POST", f"{APPS}/deployments", {"metadata": named("kneader"), "spec": spec})
    make("POST", f"{CORE}/pods", {"metadata": named("kneader-1", **labels), "spec": TEMPLATE["spec"]})
    make("PATCH", f"{CORE}/pods/kneader-1/status", {"status": CRASHED})
    core = CommandCore(cluster_from_kubeconfig([bakery.kubeconfig()], patience=PATIENT))
    reply = core.answer("how often has kneader restarted")
    assert reply.reply == f"The pods of kneader in {SPACE} were restarted seven times."
    every = [each["requestURI"] for each in bakery.audited("kvx") if "/pods?" in each["requestURI"]]
    asked = [each for each in every if "labelSelector=" in each]  # whoever follows names asks for all pods
    # The one of oven is not.
    assert "app+in+%28kneader%2Coven%29%2Ctier+notin+%28test%29%2Cshift%2C%21old" in asked[-1]
    for path in (f"{APPS}/deployments/kneader", f"{CORE}/pods/kneader-1"):
        make("DELETE", path, {"gracePeriodSeconds": 0, "propagationPolicy": "Background"})


def test_names_are_followed_as_they_come_and_go(bakery: Any) -> None:
    cluster = cluster_from_kubeconfig([bakery.kubeconfig()], patience=PATIENT)
    assert "mixer" not in {each.name for each in cluster.named()}
    bakery.request(
        "POST", f"{CORE}/services", {"metadata": {"name": "mixer"}, "spec": {"ports": [{"port": 1}]}}
    )
    until(cluster, "mixer", there=True)
    assert cluster.named() is cluster.named(), "the same names are the same object"
    bakery.request("DELETE", f"{CORE}/services/mixer")
    until(cluster, "mixer", there=False)


def until(cluster: KubernetesCluster, name: str, *, there: bool) -> None:
    deadline = time.monotonic() + WAIT_SECONDS
    while (name in {each.name for each in cluster.named()}) is not there:
        assert time.monotonic() < deadline, f"{name} was not followed"
        time.sleep(0.05)

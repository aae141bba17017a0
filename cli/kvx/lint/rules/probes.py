"""Probes, and how a pod begins and ends."""

from collections.abc import Iterator
from itertools import combinations

from kvx.lint.node import Node
from kvx.lint.objects import Container, Manifests, Pod
from kvx.lint.rule import Found, Rule, each_container, each_pod

Places = Iterator[tuple[Node, str]]
ASKS = ("httpGet", "tcpSocket", "grpc", "exec")
_READY = "readinessProbe: {httpGet: {path: /ready, port: 80}}"
_ALIVE = "livenessProbe: {httpGet: {path: /health, port: 80}}"
DEFAULT_GRACE_SECONDS = 30


def _serving(container: Container) -> bool:
    return container.list_name == "containers" and container.pod.serves and container.pod.object.kind != "Pod"


def _absent(container: Container, probe: str, message: str) -> Places:
    if _serving(container) and not container.node.at(probe).given:
        yield container.node.at(probe), message


def _no_readiness(container: Container) -> Places:
    yield from _absent(container, "readinessProbe", "it gets requests as soon as it starts, ready or not")


def _no_liveness(container: Container) -> Places:
    yield from _absent(container, "livenessProbe", "when it hangs, it hangs for good")


def _no_startup(container: Container) -> Places:
    if container.node.at("livenessProbe").given:
        yield from _absent(container, "startupProbe", "a slow start is taken for a failure, and started over")


def _identical(container: Container) -> Places:
    ready, alive = container.node.at("readinessProbe"), container.node.at("livenessProbe")
    asked = [(ready.at(kind), alive.at(kind)) for kind in ASKS if ready.at(kind).given]
    if any(one.value == other.value for one, other in asked):
        yield alive, "it asks the same as the readiness probe"


def _unknown_port(container: Container) -> Places:
    ports = container.node.at("ports").items
    names = {port.at("name").text for port in ports}
    numbers = {port.at("containerPort").number for port in ports}
    for probe in ("startupProbe", "readinessProbe", "livenessProbe"):
        for kind in ("httpGet", "tcpSocket", "grpc"):
            asked = container.node.at(probe, kind, "port")
            if asked.text and asked.text not in names:
                yield asked, f"no port of the container is called {asked.text}"
            elif asked.number is not None and ports and asked.number not in numbers:
                yield asked, f"{asked.number} is no port of the container"


def _hasty(container: Container) -> Places:
    """The time from the first silence to the restart."""
    probe = container.node.at("livenessProbe")
    period, failures = probe.at("periodSeconds").number or 10, probe.at("failureThreshold").number or 3
    if probe.given and period * failures < 10:
        yield probe, f"{period * failures} s of silence restart it"


def _no_pre_stop(manifests: Manifests) -> Iterator[Found]:
    for pod in _behind_services(manifests):
        for container in pod.containers:
            hook = container.node.at("lifecycle", "preStop")
            if container.list_name == "containers" and not hook.given:
                yield Found(pod.object, hook.path, "it ends while nodes still send requests to it")


def _behind_services(manifests: Manifests) -> tuple[Pod, ...]:
    pods = [pod for pod in manifests.pods if pod.object in manifests.served]
    return tuple(pod for pod in pods if pod.object.kind != "Pod" and pod.serves)


def _grace(pod: Pod) -> int:
    said = pod.spec.at("terminationGracePeriodSeconds").number
    return DEFAULT_GRACE_SECONDS if said is None else said


def _short_grace(pod: Pod) -> Places:
    place = pod.spec.at("terminationGracePeriodSeconds")
    pauses = [each.node.at("lifecycle", "preStop", "sleep", "seconds").number or 0 for each in pod.containers]
    longest = max(pauses, default=0)
    if _grace(pod) == 0:
        yield place, "it is killed at once, whatever it is doing"
    elif longest and _grace(pod) <= longest:
        yield place, f"all of its {_grace(pod)} s go by in preStop, which sleeps {longest} s"


def _clashing_ports(pod: Pod) -> Places:
    ports = [port for each in pod.containers if each.stays for port in each.node.at("ports").items]
    for one, other in combinations(ports[:200], 2):
        number = other.at("containerPort").number
        same = number is not None and one.at("containerPort").number == number
        if same and (one.at("protocol").text or "TCP") == (other.at("protocol").text or "TCP"):
            yield other, f"port {number} is taken by another container of the pod, or named twice"


RULES = (
    Rule(
        "readiness-probe",
        "A container says when it can answer.",
        "Without that it gets requests while it starts, and while it is stuck.",
        _READY,
        _ALIVE,
        _READY,
        each_container(_no_readiness),
        "container",
        ("kube-score pod-probes", "CKV_K8S_9"),
    ),
    Rule(
        "liveness-probe",
        "A container that hangs is noticed.",
        "It stays as it is until a person comes.",
        _ALIVE,
        _READY,
        _ALIVE,
        each_container(_no_liveness),
        "container",
        ("kube-score pod-probes", "CKV_K8S_8"),
    ),
    Rule(
        "startup-probe",
        "A slow start has a time of its own.",
        "On a busy node the liveness probe ends the start again and again.",
        "startupProbe: {httpGet: {path: /health, port: 80}, periodSeconds: 1, failureThreshold: 60}",
        _ALIVE,
        f"{_ALIVE}\nstartupProbe: {{httpGet: {{path: /health, port: 80}}, failureThreshold: 60}}",
        each_container(_no_startup),
    ),
    Rule(
        "probes-differ",
        "Readiness and liveness ask different questions.",
        "Under load, saying not ready is right; the same answer to liveness restarts all replicas at once.",
        "let readinessProbe ask whether it can answer (/ready), livenessProbe whether it lives (/health)",
        "readinessProbe: {httpGet: {path: /, port: 80}}\nlivenessProbe: {httpGet: {path: /, port: 80}}",
        f"{_READY}\n{_ALIVE}",
        each_container(_identical),
        "container",
        ("kube-score pod-probes-identical",),
    ),
    Rule(
        "probe-port",
        "Probes ask a port that the container has.",
        "The probe fails for ever: the pod never serves, or is restarted again and again.",
        "write the name of one of the container's ports",
        "ports: [{name: http, containerPort: 80}]\nreadinessProbe: {httpGet: {path: /ready, port: web}}",
        "ports: [{name: http, containerPort: 80}]\nreadinessProbe: {httpGet: {path: /ready, port: http}}",
        each_container(_unknown_port),
        "container",
        ("kube-linter liveness-port, readiness-port, startup-port",),
    ),
    Rule(
        "hasty-liveness",
        "A container may be silent for ten seconds.",
        "A pause for memory or a busy node restarts what was well, and the rest gets its load.",
        "livenessProbe: {periodSeconds: 10, failureThreshold: 6}",
        "livenessProbe: {httpGet: {path: /, port: 80}, periodSeconds: 1, failureThreshold: 1}",
        "livenessProbe: {httpGet: {path: /, port: 80}, periodSeconds: 10, failureThreshold: 6}",
        each_container(_hasty),
    ),
    Rule(
        "pre-stop",
        "A pod behind a Service waits a moment before it ends.",
        "Nodes hear a little later that it leaves; what they send until then is refused.",
        "lifecycle: {preStop: {sleep: {seconds: 3}}}",
        """
apiVersion: v1
kind: Service
metadata: {name: app}
spec: {selector: {app: app}, ports: [{port: 80}]}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: app}
spec:
  template: {metadata: {labels: {app: app}}, spec: {containers: [{name: app}]}}
""",
        """
apiVersion: v1
kind: Service
metadata: {name: app}
spec: {selector: {app: app}, ports: [{port: 80}]}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: app}
spec:
  template:
    metadata: {labels: {app: app}}
    spec: {containers: [{name: app, lifecycle: {preStop: {sleep: {seconds: 3}}}}]}
""",
        _no_pre_stop,
        "manifests",
    ),
    Rule(
        "grace-period",
        "A pod has time to end.",
        "It is killed with requests half answered.",
        "terminationGracePeriodSeconds: the preStop sleep, and the longest request",
        "terminationGracePeriodSeconds: 0",
        "terminationGracePeriodSeconds: 60",
        each_pod(_short_grace),
        "pod",
    ),
    Rule(
        "port-clash",
        "Each port of a pod belongs to one container.",
        "The second one cannot open it, and ends.",
        "give one of them another containerPort",
        "containers: [{name: a, ports: [{containerPort: 80}]}, {name: b, ports: [{containerPort: 80}]}]",
        "containers: [{name: a, ports: [{containerPort: 80}]}, {name: b, ports: [{containerPort: 81}]}]",
        each_pod(_clashing_ports),
        "pod",
    ),
)

"""Autoscalers: whether they can do what they are for, and whether two of them fight."""

from collections.abc import Iterator

from kvx.lint.node import Node
from kvx.lint.objects import Manifests, Object, least_replicas
from kvx.lint.rule import Rule, each_alone, each_object

Places = Iterator[tuple[Node, str]]
HORIZONTAL, VERTICAL = "HorizontalPodAutoscaler", "VerticalPodAutoscaler"


def _target(scaler: Object, manifests: Manifests) -> Object | None:
    place = scaler.spec.at("scaleTargetRef" if scaler.kind == HORIZONTAL else "targetRef")
    return manifests.find(place.at("kind").text, place.at("name").text, scaler.namespace)


def _nothing_there(field: str, scaler: Object, manifests: Manifests) -> Places:
    place = scaler.spec.at(field)
    found = _target(scaler, manifests)
    if found is None:
        yield place, f"there is no {place.at('kind').text} {place.at('name').text} here"
    elif found.group != place.at("apiVersion").text.rpartition("/")[0]:
        said = place.at("apiVersion").text or "no API version"
        yield place.at("apiVersion"), f"{found.words} is of {found.root.at('apiVersion').text}, not of {said}"


@each_object(HORIZONTAL)
def _horizontal_target(scaler: Object, manifests: Manifests) -> Places:
    yield from _nothing_there("scaleTargetRef", scaler, manifests)


@each_object(VERTICAL)
def _vertical_target(scaler: Object, manifests: Manifests) -> Places:
    yield from _nothing_there("targetRef", scaler, manifests)


@each_object("Deployment", "StatefulSet", "ReplicaSet")
def _fixed(target: Object, manifests: Manifests) -> Places:
    replicas = target.spec.at("replicas")
    if replicas.given and manifests.scalers_of(target):
        name = manifests.scalers_of(target)[0].name
        yield replicas, f"every deploy puts it back to {replicas.value}, whatever {name} made of it"


@each_alone(HORIZONTAL)
def _lonely(scaler: Object) -> Places:
    least = scaler.spec.at("minReplicas")
    if (least.number or 1) < 2:
        yield least, "it goes down to one pod"


@each_alone(HORIZONTAL)
def _no_room(scaler: Object) -> Places:
    most, least = scaler.spec.at("maxReplicas"), scaler.spec.at("minReplicas").number or 1
    if most.number is None:
        yield most, "maxReplicas is not said"
    elif most.number <= least:
        yield most, f"it has no room: {least} at least, {most.number} at most"


@each_object(HORIZONTAL)
def _nothing_to_measure(scaler: Object, manifests: Manifests) -> Places:
    target = _target(scaler, manifests)
    pod = manifests.pod_of(target) if target else None
    for metric in scaler.spec.at("metrics").items:
        name = metric.at("resource", "name").text
        relative = metric.at("resource", "target", "type").text == "Utilization"
        for container in (each for each in pod.containers if each.stays) if pod else ():
            said = container.node.at("resources")
            without = not said.at("requests", name).given and not said.at("limits", name).given
            if name and relative and without:
                words = f"container {container.name} requests no {name}, of which a share could be measured"
                yield metric.at("resource"), words


@each_alone(HORIZONTAL)
def _no_metrics(scaler: Object) -> Places:
    if scaler.root.at("apiVersion").text == "autoscaling/v2" and not scaler.spec.at("metrics").items:
        yield scaler.spec.at("metrics"), "it says nothing to scale by"


@each_object("Deployment", "StatefulSet", "ReplicaSet")
def _two_scalers(target: Object, manifests: Manifests) -> Places:
    for kind in (HORIZONTAL, VERTICAL):
        names = [each.name for each in manifests.scalers_of(target, kind)]
        if len(names) > 1:
            yield target.spec, f"{' and '.join(names)} both scale it"


@each_object(VERTICAL)
def _fights(scaler: Object, manifests: Manifests) -> Places:
    if scaler.spec.at("updatePolicy", "updateMode").text == "Off":
        return
    target = _target(scaler, manifests)
    others = manifests.scalers_of(target) if target else ()
    measured = {
        metric.at(kind, "name").text
        for each in others
        for metric in each.spec.at("metrics").items
        for kind in ("resource", "containerResource")
    } & {"cpu", "memory"}
    for resource in sorted(measured & _controlled(scaler)):
        words = f"it changes the requests of {resource}, by which {others[0].name} scales"
        yield scaler.spec.at("resourcePolicy"), words


def _controlled(scaler: Object) -> set[str]:
    policies = scaler.spec.at("resourcePolicy", "containerPolicies").items
    acting = [each for each in policies if each.at("mode").text != "Off"]
    said = [set(each.at("controlledResources").texts) or {"cpu", "memory"} for each in acting]
    everything = not policies or not any(each.at("containerName").text == "*" for each in policies)
    return set().union(*said) if said or not everything else {"cpu", "memory"}


@each_object(VERTICAL)
def _acts_on_one(scaler: Object, manifests: Manifests) -> Places:
    mode = scaler.spec.at("updatePolicy", "updateMode")
    target = _target(scaler, manifests)
    if target is None or mode.text in {"Off", "Initial"}:
        return
    least = scaler.spec.at("updatePolicy", "minReplicas").number or 2
    if least_replicas(target, manifests) < least:
        yield mode, f"with fewer than {least} pods it changes nothing"


_TARGET = "apiVersion: apps/v1\nkind: Deployment\nmetadata: {{name: app}}\nspec: {{{}}}\n---\n".format
_POD = "template: {{metadata: {{labels: {{app: app}}}}, spec: {{containers: [{{name: app{}}}]}}}}".format
_CPU = (
    "metrics: [{type: Resource, resource: {name: cpu, target: {type: Utilization, averageUtilization: 70}}}]"
)
_BOUNDS = "minReplicas: 2, maxReplicas: 4"


def _hpa(spec: str, name: str = "app", target: str = "app") -> str:
    return (
        "apiVersion: autoscaling/v2\nkind: HorizontalPodAutoscaler\n"
        f"metadata: {{name: {name}}}\nspec:\n"
        f"  {{scaleTargetRef: {{apiVersion: apps/v1, kind: Deployment, name: {target}}}, {spec}}}\n---\n"
    )


def _vpa(spec: str, target: str = "app") -> str:
    return (
        "apiVersion: autoscaling.k8s.io/v1\nkind: VerticalPodAutoscaler\nmetadata: {name: app}\nspec:\n"
        f"  {{targetRef: {{apiVersion: apps/v1, kind: Deployment, name: {target}}}, {spec}}}\n---\n"
    )


RULES = (
    Rule(
        "autoscaler-target-missing",
        "A HorizontalPodAutoscaler scales something that there is.",
        "It does nothing, and the load comes all the same.",
        "write kind, name and apiVersion of the workload under scaleTargetRef",
        _TARGET("") + _hpa(_BOUNDS, target="other"),
        _TARGET("") + _hpa(_BOUNDS),
        _horizontal_target,
        "manifests",
        ("kube-score horizontalpodautoscaler-has-target", "kube-linter dangling-horizontalpodautoscaler"),
    ),
    Rule(
        "vertical-target-missing",
        "A VerticalPodAutoscaler looks at something that there is.",
        "It gives no advice.",
        "write kind, name and apiVersion of the workload under targetRef",
        _TARGET("") + _vpa("", target="other"),
        _TARGET("") + _vpa(""),
        _vertical_target,
        "manifests",
    ),
    Rule(
        "replicas-with-autoscaler",
        "What is autoscaled says no number of replicas.",
        "Under load a deploy throws away the pods that the load called for.",
        "remove spec.replicas",
        _TARGET("replicas: 2") + _hpa(_BOUNDS),
        _TARGET("") + _hpa(_BOUNDS),
        _fixed,
        "manifests",
        ("kube-score deployment-targeted-by-hpa-does-not-have-replicas-configured",),
    ),
    Rule(
        "autoscaler-minimum",
        "An autoscaler keeps two pods.",
        "In a quiet hour every restart is an outage.",
        "minReplicas: 2",
        _hpa("minReplicas: 1, maxReplicas: 4"),
        _hpa(_BOUNDS),
        _lonely,
        "manifests",
        ("kube-score horizontalpodautoscaler-replicas", "kube-linter hpa-minimum-three-replicas"),
    ),
    Rule(
        "autoscaler-room",
        "An autoscaler has room between least and most.",
        "It can never scale.",
        "maxReplicas: more than minReplicas",
        _hpa("minReplicas: 4, maxReplicas: 4"),
        _hpa(_BOUNDS),
        _no_room,
        "manifests",
    ),
    Rule(
        "autoscaler-without-requests",
        "An autoscaler by share has requests to take the share of.",
        "It says <unknown> for ever, and does not scale.",
        "resources: {requests: {cpu: 100m}} in every container of the pod",
        _TARGET(_POD("")) + _hpa(f"{_BOUNDS}, {_CPU}"),
        _TARGET(_POD(", resources: {requests: {cpu: 100m}}")) + _hpa(f"{_BOUNDS}, {_CPU}"),
        _nothing_to_measure,
        "manifests",
    ),
    Rule(
        "autoscaler-metrics",
        "An autoscaler says what it scales by.",
        "The default, 80 % of the requested processor, fits nobody's requests by chance.",
        _CPU,
        _hpa(_BOUNDS),
        _hpa(f"{_BOUNDS}, {_CPU}"),
        _no_metrics,
        "manifests",
    ),
    Rule(
        "autoscalers-overlap",
        "One autoscaler of a kind scales a workload.",
        "Two of them undo each other's work.",
        "put the metrics of both into one",
        _TARGET("") + _hpa(_BOUNDS) + _hpa(_BOUNDS, name="too"),
        _TARGET("") + _hpa(_BOUNDS),
        _two_scalers,
        "manifests",
    ),
    Rule(
        "autoscalers-fight",
        "Replicas and requests do not follow the same figure.",
        "More requests mean a smaller share, so fewer pods, so more load, so more requests.",
        'controlledResources: [memory], or updateMode: "Off"',
        _TARGET("") + _hpa(f"{_BOUNDS}, {_CPU}") + _vpa("updatePolicy: {updateMode: Recreate}"),
        _TARGET("") + _hpa(f"{_BOUNDS}, {_CPU}") + _vpa('updatePolicy: {updateMode: "Off"}'),
        _fights,
        "manifests",
    ),
    Rule(
        "vertical-on-one-pod",
        "A VerticalPodAutoscaler that acts has pods to spare.",
        "It never acts, because it leaves the last pod alone.",
        "replicas: 2, or updateMode: Initial",
        _TARGET("replicas: 1") + _vpa("updatePolicy: {updateMode: Recreate}"),
        _TARGET("replicas: 2") + _vpa("updatePolicy: {updateMode: Recreate}"),
        _acts_on_one,
        "manifests",
    ),
)

"""Whether it stays up when a pod, a node or a version goes."""

from collections.abc import Iterator

from kvx.lint.node import Node
from kvx.lint.objects import Manifests, Object, Pod, least_replicas
from kvx.lint.rule import Found, Rule, each_alone, each_object, each_pod
from kvx.lint.rules.budgets import SCALED, share
from kvx.lint.selectors import said, selects

Places = Iterator[tuple[Node, str]]


def _served(target: Object, manifests: Manifests) -> bool:
    return target in manifests.served


@each_object(*SCALED)
def _one_replica(target: Object, manifests: Manifests) -> Places:
    least = least_replicas(target, manifests)
    if least == 1 and not manifests.scalers_of(target) and _served(target, manifests):
        yield target.spec.at("replicas"), "one pod serves: when it goes, nothing answers"


@each_object(*SCALED)
def _not_spread(target: Object, manifests: Manifests) -> Places:
    pod = manifests.pod_of(target)
    if pod is None or least_replicas(target, manifests) < 2:
        return
    affinity = pod.spec.at("affinity", "podAntiAffinity")
    if not affinity.pairs and not pod.spec.at("topologySpreadConstraints").items:
        yield pod.spec.at("topologySpreadConstraints"), "all of its pods may stand on one node"


def _spreads_others(pod: Pod) -> Places:
    selectors = [each.at("labelSelector") for each in pod.spec.at("topologySpreadConstraints").items]
    apart = pod.spec.at("affinity", "podAntiAffinity")
    required = apart.at("requiredDuringSchedulingIgnoredDuringExecution").items
    preferred = apart.at("preferredDuringSchedulingIgnoredDuringExecution").items
    terms = [*required, *(each.at("podAffinityTerm") for each in preferred)]
    for selector in selectors:
        if not selects(selector, pod.labels):
            yield selector, f"it spreads pods with {said(selector)}, and this is none of them"
    own = [each.at("labelSelector") for each in terms if each.at("topologyKey").text.endswith("hostname")]
    if own and not any(selects(selector, pod.labels) for selector in own) and not selectors:
        yield own[0], f"it keeps away from pods with {said(own[0])}, and not from its own kind"


@each_object("Deployment")
def _gap(target: Object, manifests: Manifests) -> Places:
    if not _served(target, manifests):
        return
    strategy = target.spec.at("strategy")
    claims = target.spec.at("template", "spec", "volumes").items
    if strategy.at("type").text == "Recreate":
        if not any("persistentVolumeClaim" in each.keys for each in claims):
            yield (
                strategy.at("type"),
                "nothing answers from the end of the old version to the start of the new",
            )
        return
    unavailable = strategy.at("rollingUpdate", "maxUnavailable")
    if (share(unavailable, 100) if unavailable.given else 25) != 0:
        said_so = f"maxUnavailable is {unavailable.value}" if unavailable.given else "maxUnavailable is 25 %"
        yield unavailable, f"{said_so}: pods end before their successors are ready"


@each_alone("Deployment", "StatefulSet", "DaemonSet", "ReplicaSet", "Job")
def _selects_others(target: Object) -> Places:
    selector = target.spec.at("selector")
    labels = target.spec.at("template", "metadata", "labels")
    if not selector.given:
        if target.kind != "Job" and target.group == "apps":
            yield selector, "it has no selector, and the API server refuses that"
    elif not selects(selector, labels.labels):
        yield selector, f"it looks for {said(selector)}, and its own pods are not that"


@each_object("Deployment", "StatefulSet")
def _same_pods(target: Object, manifests: Manifests) -> Places:
    selector = target.spec.at("selector")
    for pod in manifests.selected(selector, target.namespace) if selector.pairs else ():
        if pod.object is not target and pod.object.kind in SCALED:
            yield selector, f"it also means the pods of {pod.object.words}"


def _priority_missing(manifests: Manifests) -> Iterator[Found]:
    for pod in manifests.pods:
        place = pod.spec.at("priorityClassName")
        if (
            place.text
            and not place.text.startswith("system-")
            and not manifests.find("PriorityClass", place.text)
        ):
            yield Found(pod.object, place.path, f"there is no PriorityClass {place.text} here")


_SPREAD = "topologySpreadConstraints: [{maxSkew: 1, topologyKey: kubernetes.io/hostname, labelSelector: "
_SERVICE = "---\napiVersion: v1\nkind: Service\nmetadata: {name: app}\nspec: {selector: {app: app}}\n"


def _deployment(spec: str, pod: str = "", labels: str = "{app: app}") -> str:
    return (
        f"apiVersion: apps/v1\nkind: Deployment\nmetadata: {{name: app}}\nspec:\n  {spec}\n"
        f"  selector: {{matchLabels: {{app: app}}}}\n"
        f"  template: {{metadata: {{labels: {labels}}}, spec: {{{pod}containers: [{{name: app}}]}}}}\n"
    )


RULES = (
    Rule(
        "single-replica",
        "What is served has two pods or more.",
        "Every restart, drain and new version is an outage.",
        "replicas: 2, or a HorizontalPodAutoscaler with minReplicas: 2",
        _deployment("replicas: 1") + _SERVICE,
        _deployment("replicas: 2") + _SERVICE,
        _one_replica,
        "manifests",
        ("kube-score deployment-replicas",),
    ),
    Rule(
        "spread",
        "Pods of one kind stand on several nodes.",
        "The node that goes takes all of them.",
        f"{_SPREAD}{{matchLabels: {{app: NAME}}}}, whenUnsatisfiable: ScheduleAnyway}}]",
        _deployment("replicas: 2"),
        _deployment("replicas: 2", f"{_SPREAD}{{matchLabels: {{app: app}}}}}}], "),
        _not_spread,
        "manifests",
        ("kube-score deployment-has-host-podantiaffinity",),
    ),
    Rule(
        "spread-selects-others",
        "Pods are spread by their own labels.",
        "The scheduler counts other pods, and puts these wherever it likes.",
        "write the pod's own labels under labelSelector",
        _deployment("replicas: 2", f"{_SPREAD}{{matchLabels: {{app: other}}}}}}], "),
        _deployment("replicas: 2", f"{_SPREAD}{{matchLabels: {{app: app}}}}}}], "),
        each_pod(_spreads_others),
        "manifests",
    ),
    Rule(
        "rollout-gap",
        "A new version begins before the old one ends.",
        "Each deploy answers fewer requests, or none, for a while.",
        "strategy: {rollingUpdate: {maxUnavailable: 0, maxSurge: 1}}",
        _deployment("strategy: {type: Recreate}") + _SERVICE,
        _deployment("strategy: {rollingUpdate: {maxUnavailable: 0}}") + _SERVICE,
        _gap,
        "manifests",
        ("kube-score deployment-strategy",),
    ),
    Rule(
        "selector-fits-template",
        "A workload's selector means its own pods.",
        "The API server refuses it.",
        "write the same labels under spec.selector.matchLabels and spec.template.metadata.labels",
        _deployment("replicas: 2", labels="{app: other}"),
        _deployment("replicas: 2"),
        _selects_others,
        "manifests",
        ("kube-score statefulset-pod-selector-labels-match-template-metadata-labels",),
    ),
    Rule(
        "selectors-overlap",
        "No two workloads mean the same pods.",
        "Each counts the other's as its own, and scales and deletes them.",
        "give each a label of its own, such as app.kubernetes.io/component",
        _deployment("replicas: 2")
        + "---\n"
        + _deployment("replicas: 2").replace("name: app}\nspec", "name: b}\nspec"),
        _deployment("replicas: 2"),
        _same_pods,
        "manifests",
    ),
    Rule(
        "priority-class-missing",
        "A priority class that is named is there.",
        "The API server refuses the pods.",
        "add the PriorityClass, or remove priorityClassName",
        _deployment("replicas: 2", "priorityClassName: high, "),
        _deployment("replicas: 2", "priorityClassName: system-cluster-critical, "),
        _priority_missing,
        "manifests",
        ("kube-linter priority-class-name",),
    ),
)

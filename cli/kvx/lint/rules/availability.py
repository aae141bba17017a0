"""Whether it stays up when a pod, a node or a version goes."""

from collections.abc import Iterator
from decimal import Decimal

from kvx.lint.node import Node
from kvx.lint.objects import Manifests, Object, Pod, least_replicas
from kvx.lint.rule import Found, Rule, each_alone, each_object, each_pod
from kvx.lint.selectors import said, selects

Places = Iterator[tuple[Node, str]]
SCALED = ("Deployment", "StatefulSet")
_TWO = "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: app}\nspec:\n  replicas: 2\n"
_TWO += "  template: {metadata: {labels: {app: app}}, spec: {containers: [{name: app}]}}\n"
_BUDGET = (
    "---\napiVersion: policy/v1\nkind: PodDisruptionBudget\nmetadata: {{name: app}}\nspec: {{{}}}\n".format
)
_OURS = "selector: {matchLabels: {app: app}}"


def _served(target: Object, manifests: Manifests) -> bool:
    return target in manifests.served


@each_object(*SCALED)
def _one_replica(target: Object, manifests: Manifests) -> Places:
    least = least_replicas(target, manifests)
    if least == 1 and not manifests.scalers_of(target) and _served(target, manifests):
        yield target.spec.at("replicas"), "one pod serves: when it goes, nothing answers"


@each_object(*SCALED)
def _no_budget(target: Object, manifests: Manifests) -> Places:
    pod = manifests.pod_of(target)
    if pod is None or least_replicas(target, manifests) < 2:
        return
    if not any(_covers(each, pod) for each in manifests.inside("PodDisruptionBudget", target.namespace)):
        yield target.spec, "a drain of the nodes may take all of its pods at once"


def _covers(budget: Object, pod: Pod) -> bool:
    return selects(budget.spec.at("selector"), pod.labels)


@each_object("PodDisruptionBudget")
def _budget_of_nothing(budget: Object, manifests: Manifests) -> Places:
    selector = budget.spec.at("selector")
    if not manifests.selected(selector, budget.namespace):
        yield selector, f"no pod here has {said(selector)}"


@each_object("PodDisruptionBudget")
def _blocking(budget: Object, manifests: Manifests) -> Places:
    pods = manifests.selected(budget.spec.at("selector"), budget.namespace)
    count = sum(least_replicas(pod.object, manifests) for pod in pods if pod.replicated)
    unavailable, available = budget.spec.at("maxUnavailable"), budget.spec.at("minAvailable")
    if unavailable.given and _share(unavailable, count or 100) == 0:
        yield unavailable, "no pod may ever go: no node with one of them can be drained"
    kept = _share(available, count or 100)
    if kept is not None and pods and kept >= max(count, 1):
        yield available, f"{available.value} of {count} pods must stay: no node with one can be drained"


def _share(node: Node, count: int) -> int | None:
    """A number, or a percentage of the count, rounded up as Kubernetes does."""
    if node.number is not None:
        return node.number
    digits = node.text.removesuffix("%")
    if not node.text.endswith("%") or not digits.isascii() or not digits.isdigit() or len(digits) > 4:
        return None
    return int(-(-Decimal(digits) * count // 100))


@each_alone("PodDisruptionBudget")
def _holds_for_broken(budget: Object) -> Places:
    policy = budget.spec.at("unhealthyPodEvictionPolicy")
    if policy.text != "AlwaysAllow":
        yield policy, "pods that do not serve anyway hold up the drain of their node"


@each_object(*SCALED)
def _two_budgets(target: Object, manifests: Manifests) -> Places:
    pod = manifests.pod_of(target)
    budgets = [
        each
        for each in manifests.inside("PodDisruptionBudget", target.namespace)
        if pod and _covers(each, pod)
    ]
    if len(budgets) > 1:
        names = " and ".join(each.name for each in budgets)
        yield target.spec, f"{names} both mean its pods, and with two budgets no eviction is allowed at all"


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
    if (_share(unavailable, 100) if unavailable.given else 25) != 0:
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
        "budget-missing",
        "Pods with replicas have a PodDisruptionBudget.",
        "An upgrade of the nodes may drain them all at once.",
        "a PodDisruptionBudget with maxUnavailable: 1 and their labels",
        _TWO,
        _TWO + _BUDGET(f"maxUnavailable: 1, {_OURS}"),
        _no_budget,
        "manifests",
        ("kube-score pod-disruption-budget",),
    ),
    Rule(
        "budget-selects-nothing",
        "A PodDisruptionBudget means pods that there are.",
        "It protects nothing, and looks as if it did.",
        "write the labels of the pods under spec.selector.matchLabels",
        _TWO + _BUDGET("maxUnavailable: 1, selector: {matchLabels: {app: other}}"),
        _TWO + _BUDGET(f"maxUnavailable: 1, {_OURS}"),
        _budget_of_nothing,
        "manifests",
        ("kube-score poddisruptionbudget-has-policy",),
    ),
    Rule(
        "budget-blocks-drain",
        "A PodDisruptionBudget lets one pod go.",
        "Nodes cannot be drained, and an upgrade of the cluster stands still.",
        "maxUnavailable: 1",
        _TWO + _BUDGET(f"minAvailable: 2, {_OURS}"),
        _TWO + _BUDGET(f"minAvailable: 1, {_OURS}"),
        _blocking,
        "manifests",
        ("kube-linter pdb-max-unavailable, pdb-min-available",),
    ),
    Rule(
        "budget-unhealthy-pods",
        "A PodDisruptionBudget lets pods go that do not serve.",
        "A version that never becomes ready keeps its nodes from being drained, just when that is needed.",
        "unhealthyPodEvictionPolicy: AlwaysAllow",
        _BUDGET(f"maxUnavailable: 1, {_OURS}"),
        _BUDGET(f"maxUnavailable: 1, unhealthyPodEvictionPolicy: AlwaysAllow, {_OURS}"),
        _holds_for_broken,
        "manifests",
        ("kube-linter pdb-unhealthy-pod-eviction-policy",),
    ),
    Rule(
        "budgets-overlap",
        "Pods have one PodDisruptionBudget.",
        "With two, the API server refuses every eviction.",
        "remove one of them, or tell their labels apart",
        _TWO + _BUDGET(_OURS) + _BUDGET(_OURS).replace("name: app", "name: too"),
        _TWO + _BUDGET(_OURS),
        _two_budgets,
        "manifests",
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

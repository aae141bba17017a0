"""Disruption budgets: how many pods may be away at once."""

from collections.abc import Iterator
from decimal import Decimal

from kvx.lint.node import Node
from kvx.lint.objects import Manifests, Object, Pod, least_replicas
from kvx.lint.rule import Rule, each_alone, each_object
from kvx.lint.selectors import said, selects

Places = Iterator[tuple[Node, str]]
SCALED = ("Deployment", "StatefulSet")
_TWO = "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: app}\nspec:\n  replicas: 2\n"
_TWO += "  template: {metadata: {labels: {app: app}}, spec: {containers: [{name: app}]}}\n"
_BUDGET = (
    "---\napiVersion: policy/v1\nkind: PodDisruptionBudget\nmetadata: {{name: app}}\nspec: {{{}}}\n".format
)
_OURS = "selector: {matchLabels: {app: app}}"


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
    if unavailable.given and share(unavailable, count or 100) == 0:
        yield unavailable, "no pod may ever go: no node with one of them can be drained"
    kept = share(available, count or 100)
    if kept is not None and pods and kept >= max(count, 1):
        yield available, f"{available.value} of {count} pods must stay: no node with one can be drained"


def share(node: Node, count: int) -> int | None:
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


RULES = (
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
)

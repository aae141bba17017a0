"""Quotas and limit ranges: whether what is deployed fits, at its largest and in a rollout."""

from collections.abc import Iterable, Iterator, Mapping
from decimal import Decimal
from itertools import pairwise

from kvx.lint.node import Node
from kvx.lint.objects import Container, Manifests, Object, Pod, most_replicas
from kvx.lint.quantity import quantity, said
from kvx.lint.rule import Found, Rule, each_alone

Places = Iterator[tuple[Node, str]]
COUNTED = ("cpu", "memory", "ephemeral-storage")


def _range(manifests: Manifests, namespace: str) -> tuple[Node, ...]:
    """What limit ranges say of containers."""
    return tuple(
        limit
        for each in manifests.inside("LimitRange", namespace)
        for limit in each.spec.at("limits").items
        if limit.at("type").text == "Container"
    )


def _amount(container: Container, place: str, name: str, ranges: tuple[Node, ...]) -> Decimal | None:
    """What counts for a container: what it says, or its limit, or the limit range's default."""
    resources = container.node.at("resources")
    field = "defaultRequest" if place == "requests" else "default"
    sources = [resources.at(place, name)]
    sources += [resources.at("limits", name)] if place == "requests" else []
    sources += [limit.at(field, name) for limit in ranges]
    return next((amount for each in sources if (amount := quantity(each)) is not None), None)


def _of_pod(pod: Pod, place: str, name: str, ranges: tuple[Node, ...]) -> Decimal | None:
    """The sum of what stays, or the largest of what only prepares; None where some container says nothing."""
    amounts = [(each.stays, _amount(each, place, name, ranges)) for each in pod.containers]
    if any(amount is None for _, amount in amounts):
        return None
    staying = [amount for stays, amount in amounts if stays and amount is not None]
    preparing = [amount for stays, amount in amounts if not stays and amount is not None]
    return max([sum(staying, Decimal(0)), *preparing])


def surge(target: Object, count: int) -> int:
    """The pods that a rollout of a Deployment adds for a while."""
    if target.kind != "Deployment" or target.spec.at("strategy", "type").text == "Recreate":
        return 0
    wanted = target.spec.at("strategy", "rollingUpdate", "maxSurge")
    if wanted.number is not None:
        return max(wanted.number, 0)
    digits = wanted.text.removesuffix("%")
    share = int(digits) if digits.isascii() and digits.isdigit() and len(digits) < 5 else 25
    return -(-count * share // 100)


def _place_and_name(key: str) -> tuple[str, str] | None:
    """requests.cpu and cpu are requests, limits.cpu is a limit."""
    place, _, name = key.rpartition(".")
    place = place or "requests"
    return (place, name) if place in {"requests", "limits"} and name in COUNTED else None


def _quotas(manifests: Manifests) -> Iterator[Object]:
    for quota in manifests.of("ResourceQuota"):
        if not quota.spec.at("scopes").items and not quota.spec.at("scopeSelector").given:
            yield quota


def _too_small(manifests: Manifests) -> Iterator[Found]:
    for quota in _quotas(manifests):
        pods = manifests.pods_in(quota.namespace)
        counts = {id(pod): _count(pod, manifests) for pod in pods}
        for key, hard in quota.spec.at("hard").pairs:
            allowed, needed = quantity(hard), _needed(key, pods, counts, _range(manifests, quota.namespace))
            if allowed is not None and needed > allowed:
                words = f"{said(needed, key)} are needed when all is at its most and rolls out"
                yield Found(quota, hard.path, f"it allows {said(allowed, key)}, and {words}")


def _count(pod: Pod, manifests: Manifests) -> int:
    most = most_replicas(pod.object, manifests)
    return min(most + surge(pod.object, most), 1_000_000)


def _needed(key: str, pods: Iterable[Pod], counts: Mapping[int, int], ranges: tuple[Node, ...]) -> Decimal:
    if key in {"pods", "count/pods"}:
        return Decimal(sum(counts.values()))
    known = _place_and_name(key)
    if known is None:
        return Decimal(0)
    amounts = [(_of_pod(pod, *known, ranges) or Decimal(0)) * counts[id(pod)] for pod in pods]
    return sum(amounts, Decimal(0))


def _unsaid(manifests: Manifests) -> Iterator[Found]:
    for quota in _quotas(manifests):
        ranges = _range(manifests, quota.namespace)
        for key in quota.spec.at("hard").keys:
            known = _place_and_name(key)
            for pod in manifests.pods_in(quota.namespace) if known else ():
                if known and _of_pod(pod, *known, ranges) is None:
                    words = f"it does not say {key}, of which the quota {quota.name} wants to know"
                    yield Found(pod.object, pod.spec.path, words)


def _beyond_range(manifests: Manifests) -> Iterator[Found]:
    for container in manifests.containers:
        ranges = _range(manifests, container.pod.object.namespace)
        for limit in ranges:
            for place, bound in (("limits", "max"), ("requests", "min")):
                yield from _beyond(container, limit, place, bound)


def _beyond(container: Container, limit: Node, place: str, bound: str) -> Iterator[Found]:
    for name, edge in limit.at(bound).pairs:
        wanted, allowed = _amount(container, place, name, (limit,)), quantity(edge)
        if wanted is None or allowed is None:
            continue
        if wanted > allowed if bound == "max" else wanted < allowed:
            words = f"{said(wanted, name)} of {name}, and the limit range has {bound} {said(allowed, name)}"
            yield Found(container.pod.object, container.node.at("resources", place, name).path, words)


def _unbounded(manifests: Manifests) -> Iterator[Found]:
    for namespace in manifests.of("Namespace"):
        inside = bool(manifests.pods_in(namespace.name))
        for kind in ("ResourceQuota", "LimitRange"):
            if inside and not manifests.inside(kind, namespace.name):
                yield Found(namespace, ("metadata", "name"), f"no {kind} bounds what runs in it")


@each_alone("LimitRange")
def _out_of_order(limits: Object) -> Places:
    order = ("min", "defaultRequest", "default", "max")
    for limit in limits.spec.at("limits").items:
        for name in {key for field in order for key in limit.at(field).keys}:
            said_values = [(limit.at(field, name), quantity(limit.at(field, name))) for field in order]
            known = [(place, amount) for place, amount in said_values if amount is not None]
            for (_, lower), (place, upper) in pairwise(known):
                if lower > upper:
                    yield place, f"{name}: {said(upper, name)} is less than the {said(lower, name)} below it"


_HARD = "apiVersion: v1\nkind: ResourceQuota\nmetadata: {{name: app}}\nspec: {{hard: {{{}}}}}\n---\n".format
_RANGE = (
    "apiVersion: v1\nkind: LimitRange\nmetadata: {{name: app}}\n"
    "spec: {{limits: [{{type: Container, {}}}]}}\n---\n"
).format


def _deployment(resources: str) -> str:
    return (
        "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: app}\n"
        "spec:\n  replicas: 3\n  strategy: {rollingUpdate: {maxSurge: 1}}\n"
        f"  template: {{spec: {{containers: [{{name: app, resources: {{{resources}}}}}]}}}}\n"
    )


_NAMESPACE = "apiVersion: v1\nkind: Namespace\nmetadata: {name: app}\n---\n"
_POD = "apiVersion: v1\nkind: Pod\nmetadata: {name: app, namespace: app}\nspec: {containers: []}\n---\n"
RULES = (
    Rule(
        "quota-too-small",
        "A quota has room for all replicas, at the autoscaler's most, and for a rollout.",
        "Under load, or in the middle of a deploy, pods are refused, and nobody sees why.",
        "raise the quota, or lower maxReplicas or the limits",
        _HARD("limits.cpu: '1'") + _deployment("limits: {cpu: 500m}"),
        _HARD("limits.cpu: '2'") + _deployment("limits: {cpu: 500m}"),
        _too_small,
        "manifests",
    ),
    Rule(
        "quota-unsaid",
        "Under a quota each container says what it counts.",
        "The API server refuses the pods, and the Deployment stands still without a word.",
        "say it under resources, or add a LimitRange with defaults",
        _HARD("limits.memory: 1Gi") + _deployment("limits: {cpu: 500m}"),
        _HARD("limits.memory: 4Gi") + _deployment("limits: {memory: 512Mi}"),
        _unsaid,
        "manifests",
    ),
    Rule(
        "limit-range-exceeded",
        "A container stays within the limit range.",
        "The API server refuses the pods.",
        "lower what it asks for, or raise max of the LimitRange",
        _RANGE("max: {cpu: 250m}") + _deployment("limits: {cpu: 500m}"),
        _RANGE("max: {cpu: 500m}") + _deployment("limits: {cpu: 500m}"),
        _beyond_range,
        "manifests",
    ),
    Rule(
        "limit-range-order",
        "A limit range goes from min over its defaults to max.",
        "The API server refuses it.",
        "min <= defaultRequest <= default <= max",
        _RANGE("default: {cpu: 500m}, max: {cpu: 250m}"),
        _RANGE("default: {cpu: 250m}, max: {cpu: 500m}"),
        _out_of_order,
        "manifests",
    ),
    Rule(
        "namespace-unbounded",
        "A namespace has a quota and a limit range.",
        "One mistake in it takes the whole cluster, and its bill grows with it.",
        "a ResourceQuota and a LimitRange in the namespace",
        _NAMESPACE + _POD,
        _NAMESPACE
        + _POD
        + _HARD("pods: '2'").replace("name: app", "name: app, namespace: app")
        + _RANGE("default: {cpu: 1}").replace("name: app", "name: app, namespace: app"),
        _unbounded,
        "manifests",
    ),
)

"""Network policies as rules read them: which hold a pod, and what each lets through; and examples of them."""

from collections.abc import Iterator
from ipaddress import IPv4Network, IPv6Network, ip_network

from kvx.lint.node import Node
from kvx.lint.objects import Manifests, Object, Pod
from kvx.lint.selectors import selects

POD = "apiVersion: v1\nkind: Pod\nmetadata: {name: app, labels: {app: app}}\n"
POD += "spec: {containers: [{name: app, ports: [{name: http, containerPort: 80}]}]}\n---\n"
CLIENT = "from: [{podSelector: {matchLabels: {role: client}}}]"


def _directions(policy: Object) -> frozenset[str]:
    """What a policy rules over; without policyTypes ingress, and egress where it has such rules."""
    types = frozenset(policy.spec.at("policyTypes").texts)
    return types or frozenset({"Ingress"} | ({"Egress"} if policy.spec.at("egress").given else set()))


def policies_over(pod: Pod, direction: str, manifests: Manifests) -> tuple[Object, ...]:
    """Those that hold a pod in "Ingress" or "Egress"."""
    return tuple(
        policy
        for policy in manifests.inside("NetworkPolicy", pod.object.namespace)
        if direction in _directions(policy) and selects(policy.spec.at("podSelector"), pod.labels)
    )


def rules_of(policy: Object) -> Iterator[tuple[str, Node, Node]]:
    """Each rule with its direction and its peers."""
    for direction, field, peers in (("Ingress", "ingress", "from"), ("Egress", "egress", "to")):
        for rule in policy.spec.at(field).items:
            yield direction, rule, rule.at(peers)


def network(node: Node) -> IPv4Network | IPv6Network | None:
    """None for what is no network."""
    try:
        return ip_network(node.text, strict=False) if node.text else None
    except ValueError:
        return None


def policy_of(spec: str, selector: str = "{}") -> str:
    """An example."""
    return (
        "apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {name: app}\n"
        f"spec: {{podSelector: {selector}, {spec}}}\n"
    )

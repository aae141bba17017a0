"""What network policies have to let through: ports that Services lead to, and questions to DNS."""

from collections.abc import Iterator

from kvx.lint.node import Node
from kvx.lint.objects import Manifests, Object, Pod
from kvx.lint.policies import CLIENT, POD, network, policies_over, policy_of, rules_of
from kvx.lint.rule import Found, Rule, each_object


def _closed_service(manifests: Manifests) -> Iterator[Found]:
    """Services whose pods let nobody in on a port that it leads to."""
    for service in manifests.of("Service"):
        for pod in manifests.served_by(service):
            policies = policies_over(pod, "Ingress", manifests)
            rules = [rule for policy in policies for rule in policy.spec.at("ingress").items]
            for port in service.spec.at("ports").items if policies else ():
                if not any(_lets_in(rule, _targets(pod, port)) for rule in rules) and not _watched(port):
                    words = f"no NetworkPolicy lets anybody in on port {port.at('port').value}"
                    yield Found(service, port.path, words)


def _watched(port: Node) -> bool:
    """Figures are let in by whoever installs what reads them."""
    return port.at("name").text.endswith("metrics")


def _targets(pod: Pod, port: Node) -> frozenset[object]:
    """Names and numbers of the pod's port that a Service's port leads to."""
    target = port.at("targetPort") if port.at("targetPort").given else port.at("port")
    ports = [each for container in pod.containers for each in container.node.at("ports").items]
    same = [each for each in ports if target.value in (each.at("name").value, each.at("containerPort").value)]
    values = [each.at(key).value for each in same for key in ("name", "containerPort")]
    return frozenset(each for each in (target.value, *values) if isinstance(each, str | int))


def _lets_in(rule: Node, targets: frozenset[object]) -> bool:
    ports = rule.at("ports").items
    return not ports or any(_covers(port, targets) for port in ports)


def _covers(port: Node, targets: frozenset[object]) -> bool:
    first, last = port.at("port"), port.at("endPort").number
    if not first.given:
        return True
    if first.number is not None and last is not None:
        return any(isinstance(each, int) and first.number <= each <= last for each in targets)
    return any(first.value == each for each in targets)


def _no_names(manifests: Manifests) -> Iterator[Found]:
    """Pods that may reach others by name, and may not ask for the name."""
    for pod in manifests.pods:
        policies = policies_over(pod, "Egress", manifests)
        rules = [(policy, rule) for policy in policies for rule in policy.spec.at("egress").items]
        asks = any(_lets_in(rule, frozenset({53, "dns", "dns-tcp"})) for _, rule in rules)
        for policy, rule in rules:
            if not asks and _needs_names(rule):
                words = f"{pod.object.words} may go there, and may not ask DNS where it is"
                yield Found(policy, rule.path, words)
                break


def _needs_names(rule: Node) -> bool:
    """Addresses of a private network can be known; pods and the world are called by name."""
    blocks = [network(peer.at("ipBlock", "cidr")) for peer in rule.at("to").items]
    return not blocks or any(block is None or not block.is_private for block in blocks)


@each_object("NetworkPolicy")
def _port_unknown(policy: Object, manifests: Manifests) -> Iterator[tuple[Node, str]]:
    pods = manifests.selected(policy.spec.at("podSelector"), policy.namespace)
    ports = [port for pod in pods for each in pod.containers for port in each.node.at("ports").items]
    names = {port.at("name").text for port in ports}
    for direction, rule, _ in rules_of(policy):
        for port in rule.at("ports").items if direction == "Ingress" else ():
            if pods and port.at("port").text and port.at("port").text not in names:
                yield port.at("port"), f"no container of its pods has a port called {port.at('port').text}"


_SERVICE = "apiVersion: v1\nkind: Service\nmetadata: {name: app}\n"
_SERVICE += "spec: {selector: {app: app}, ports: [{name: http, port: 80, targetPort: http}]}\n---\n"
_PORT_80 = "ports: [{port: http}]"
RULES = (
    Rule(
        "policy-closes-service",
        "Somebody may reach each port of a Service.",
        "The pods are ready, and every request to them times out.",
        "a NetworkPolicy that lets clients in: ingress: [{from: [...], ports: [{port: NAME}]}]",
        POD + _SERVICE + policy_of("policyTypes: [Ingress]"),
        POD + _SERVICE + policy_of(f"ingress: [{{{CLIENT}, {_PORT_80}}}]"),
        _closed_service,
        "manifests",
    ),
    Rule(
        "policy-without-dns",
        "Who may reach others by name may ask DNS.",
        "Every name fails to resolve, after seconds of waiting.",
        "egress: [{to: [{namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: kube-system}}}],"
        " ports: [{port: 53, protocol: UDP}, {port: 53, protocol: TCP}]}]",
        POD + policy_of("egress: [{to: [{podSelector: {matchLabels: {app: db}}}], ports: [{port: 5432}]}]"),
        POD
        + policy_of(
            "egress: [{to: [{podSelector: {}}], ports: [{port: 5432}]},"
            " {to: [{namespaceSelector: {matchLabels: {a: b}}}], ports: [{port: 53, protocol: UDP}]}]"
        ),
        _no_names,
        "manifests",
    ),
    Rule(
        "policy-port",
        "A NetworkPolicy lets in on ports that its pods have.",
        "A name that no container has means no port at all.",
        "write the name of a container's port",
        POD + policy_of(f"ingress: [{{{CLIENT}, ports: [{{port: web}}]}}]"),
        POD + policy_of(f"ingress: [{{{CLIENT}, {_PORT_80}}}]"),
        _port_unknown,
        "manifests",
    ),
)

"""Network policies: what reaches a pod, and what it reaches."""

from collections.abc import Iterator
from ipaddress import IPv4Network, IPv6Network, ip_network

from kvx.lint.node import Node
from kvx.lint.objects import Manifests, Object, Pod
from kvx.lint.rule import Found, Rule, each_alone, each_object
from kvx.lint.selectors import said, selects

Places = Iterator[tuple[Node, str]]
METADATA = ip_network("169.254.169.254/32")
NAME_OF_NAMESPACE = "kubernetes.io/metadata.name"


def _directions(policy: Object) -> frozenset[str]:
    """What a policy rules over; without policyTypes ingress, and egress where it has such rules."""
    types = frozenset(policy.spec.at("policyTypes").texts)
    return types or frozenset({"Ingress"} | ({"Egress"} if policy.spec.at("egress").given else set()))


def _policies(pod: Pod, direction: str, manifests: Manifests) -> tuple[Object, ...]:
    return tuple(
        policy
        for policy in manifests.inside("NetworkPolicy", pod.object.namespace)
        if direction in _directions(policy) and selects(policy.spec.at("podSelector"), pod.labels)
    )


def _uncovered(manifests: Manifests) -> Iterator[Found]:
    words = {"Ingress": "anything in the cluster may reach it", "Egress": "it may reach anything, anywhere"}
    for pod in manifests.pods:
        if pod.spec.at("hostNetwork").value is True:
            continue
        for direction, message in words.items():
            if not _policies(pod, direction, manifests):
                yield Found(pod.object, pod.template.path, f"no NetworkPolicy holds it: {message}")


@each_object("NetworkPolicy")
def _of_nothing(policy: Object, manifests: Manifests) -> Places:
    selector = policy.spec.at("podSelector")
    if not selector.given:
        yield selector, "it does not say which pods it is for"
    elif selector.pairs and not manifests.selected(selector, policy.namespace):
        yield selector, f"no pod here has {said(selector)}"


def _rules(policy: Object) -> Iterator[tuple[str, Node, Node]]:
    """Each rule with its direction and its peers."""
    for direction, field, peers in (("Ingress", "ingress", "from"), ("Egress", "egress", "to")):
        for rule in policy.spec.at(field).items:
            yield direction, rule, rule.at(peers)


@each_alone("NetworkPolicy")
def _open(policy: Object) -> Places:
    for direction, rule, peers in _rules(policy):
        if not peers.items:
            whom = "from everywhere" if direction == "Ingress" else "to everywhere"
            yield peers if peers.given else rule, f"it lets through {whom}"
        for peer in peers.items:
            if peer.at("namespaceSelector").value == {} and not peer.at("podSelector").pairs:
                yield peer.at("namespaceSelector"), "it means every pod of every namespace"


@each_alone("NetworkPolicy")
def _world(policy: Object) -> Places:
    for _, rule, peers in _rules(policy):
        for peer in peers.items:
            block = _network(peer.at("ipBlock", "cidr"))
            if block is not None and block.prefixlen == 0 and not rule.at("ports").items:
                yield peer.at("ipBlock", "cidr"), f"{block} is the whole world, on every port"


def _network(node: Node) -> IPv4Network | IPv6Network | None:
    try:
        return ip_network(node.text, strict=False) if node.text else None
    except ValueError:
        return None


@each_alone("NetworkPolicy")
def _no_network(policy: Object) -> Places:
    for _, _, peers in _rules(policy):
        for peer in peers.items:
            block = peer.at("ipBlock")
            for place in (block.at("cidr"), *block.at("except").items):
                if block.given and _network(place) is None:
                    yield place, f"{place.value} is no network such as 10.0.0.0/8"


@each_alone("NetworkPolicy")
def _metadata(policy: Object) -> Places:
    for direction, _, peers in _rules(policy):
        for peer in peers.items if direction == "Egress" else ():
            block = _network(peer.at("ipBlock", "cidr"))
            holes = [_network(each) for each in peer.at("ipBlock", "except").items]
            if _within(block) and not any(_within(hole) for hole in holes):
                yield peer.at("ipBlock"), f"{block} holds the metadata service, 169.254.169.254"


def _within(block: IPv4Network | IPv6Network | None) -> bool:
    return isinstance(block, IPv4Network) and isinstance(METADATA, IPv4Network) and METADATA.subnet_of(block)


def _closed_service(manifests: Manifests) -> Iterator[Found]:
    """Services whose pods let nobody in on a port that it leads to."""
    for service in manifests.of("Service"):
        for pod in manifests.served_by(service):
            policies = _policies(pod, "Ingress", manifests)
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
        policies = _policies(pod, "Egress", manifests)
        rules = [(policy, rule) for policy in policies for rule in policy.spec.at("egress").items]
        asks = any(_lets_in(rule, frozenset({53, "dns", "dns-tcp"})) for _, rule in rules)
        for policy, rule in rules:
            if not asks and _needs_names(rule):
                words = f"{pod.object.words} may go there, and may not ask DNS where it is"
                yield Found(policy, rule.path, words)
                break


def _needs_names(rule: Node) -> bool:
    """Addresses of a private network can be known; pods and the world are called by name."""
    blocks = [_network(peer.at("ipBlock", "cidr")) for peer in rule.at("to").items]
    return not blocks or any(block is None or not block.is_private for block in blocks)


@each_object("NetworkPolicy")
def _from_nobody(policy: Object, manifests: Manifests) -> Places:
    """Peers by a label that is in use here, with a value that is not; others' pods may have other labels."""
    for _, _, peers in _rules(policy):
        for peer in peers.items:
            selector = peer.at("podSelector")
            wanted = selector.at("matchLabels").labels
            ours = not peer.at("namespaceSelector").given and wanted and wanted.keys() <= manifests.label_keys
            if ours and not manifests.selected(selector, policy.namespace):
                yield selector, f"no pod of its namespace has {said(selector)}"


@each_alone("NetworkPolicy")
def _type_without_rules(policy: Object) -> Places:
    """Rules of a direction that policyTypes leaves out have no effect."""
    types = policy.spec.at("policyTypes")
    for direction, field in (("Ingress", "ingress"), ("Egress", "egress")):
        if types.texts and direction not in types.texts and policy.spec.at(field).items:
            yield types, f"it has rules for {field}, and policyTypes says only {', '.join(types.texts)}"


@each_object("NetworkPolicy")
def _port_unknown(policy: Object, manifests: Manifests) -> Places:
    pods = manifests.selected(policy.spec.at("podSelector"), policy.namespace)
    ports = [port for pod in pods for each in pod.containers for port in each.node.at("ports").items]
    names = {port.at("name").text for port in ports}
    for direction, rule, _ in _rules(policy):
        for port in rule.at("ports").items if direction == "Ingress" else ():
            if pods and port.at("port").text and port.at("port").text not in names:
                yield port.at("port"), f"no container of its pods has a port called {port.at('port').text}"


_POD = "apiVersion: v1\nkind: Pod\nmetadata: {name: app, labels: {app: app}}\n"
_POD += "spec: {containers: [{name: app, ports: [{name: http, containerPort: 80}]}]}\n---\n"
_SERVICE = "apiVersion: v1\nkind: Service\nmetadata: {name: app}\n"
_SERVICE += "spec: {selector: {app: app}, ports: [{name: http, port: 80, targetPort: http}]}\n---\n"


def _policy(spec: str, selector: str = "{}") -> str:
    return (
        "apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {name: app}\n"
        f"spec: {{podSelector: {selector}, {spec}}}\n"
    )


_CLIENT = "from: [{podSelector: {matchLabels: {role: client}}}]"
_PORT_80 = "ports: [{port: http}]"
_WORLD = "{ipBlock: {cidr: 0.0.0.0/0, except: [169.254.0.0/16]}}"
RULES = (
    Rule(
        "network-policy-missing",
        "Every pod is held by network policies, both ways.",
        "Whatever breaks into one pod reaches all others, and the machine's metadata with its secrets.",
        "a NetworkPolicy with podSelector: {} and policyTypes: [Ingress, Egress], and one for what is needed",
        _POD + _policy("policyTypes: [Ingress]"),
        _POD + _policy("policyTypes: [Ingress, Egress]"),
        _uncovered,
        "manifests",
        ("kube-score pod-networkpolicy", "CKV2_K8S_6"),
    ),
    Rule(
        "policy-selects-nothing",
        "A NetworkPolicy is for pods that there are.",
        "It protects nothing, and looks as if it did.",
        "write the labels of the pods under podSelector.matchLabels",
        _POD + _policy("policyTypes: [Ingress]", "{matchLabels: {app: other}}"),
        _POD + _policy("policyTypes: [Ingress]", "{matchLabels: {app: app}}"),
        _of_nothing,
        "manifests",
        ("kube-score networkpolicy-targets-pod", "kube-linter dangling-networkpolicy"),
    ),
    Rule(
        "policy-open",
        "A NetworkPolicy names whom it lets through.",
        "An empty rule means everybody: the policy holds nothing back.",
        "from: [{podSelector: {matchLabels: {LABEL: VALUE}}}]",
        _policy("ingress: [{}]"),
        _policy(f"ingress: [{{{_CLIENT}}}]"),
        _open,
        "manifests",
    ),
    Rule(
        "policy-to-the-world",
        "The whole world is let through on named ports only.",
        "A pod that is broken into reports home on whatever port it likes.",
        "ports: [{port: 443}]",
        _policy(f"egress: [{{to: [{_WORLD}]}}]"),
        _policy(f"egress: [{{to: [{_WORLD}], ports: [{{port: 443}}, {{port: 53}}]}}]"),
        _world,
        "manifests",
    ),
    Rule(
        "policy-network",
        "Networks in a NetworkPolicy are networks.",
        "The API server refuses it.",
        "cidr: 10.0.0.0/8",
        _policy("egress: [{to: [{ipBlock: {cidr: 10.0.0.0}}, {ipBlock: {cidr: ten}}]}]"),
        _policy("egress: [{to: [{ipBlock: {cidr: 10.0.0.0/8}}]}]"),
        _no_network,
        "manifests",
    ),
    Rule(
        "policy-metadata-service",
        "No pod reaches the metadata service.",
        "It tells whoever asks the machine's start-up data, with its secrets.",
        "ipBlock: {cidr: 0.0.0.0/0, except: [169.254.0.0/16]}",
        _policy("egress: [{to: [{ipBlock: {cidr: 0.0.0.0/0}}], ports: [{port: 443}, {port: 53}]}]"),
        _policy(f"egress: [{{to: [{_WORLD}], ports: [{{port: 443}}, {{port: 53}}]}}]"),
        _metadata,
        "manifests",
    ),
    Rule(
        "policy-closes-service",
        "Somebody may reach each port of a Service.",
        "The pods are ready, and every request to them times out.",
        "a NetworkPolicy that lets clients in: ingress: [{from: [...], ports: [{port: NAME}]}]",
        _POD + _SERVICE + _policy("policyTypes: [Ingress]"),
        _POD + _SERVICE + _policy(f"ingress: [{{{_CLIENT}, {_PORT_80}}}]"),
        _closed_service,
        "manifests",
    ),
    Rule(
        "policy-without-dns",
        "Who may reach others by name may ask DNS.",
        "Every name fails to resolve, after seconds of waiting.",
        "egress: [{to: [{namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: kube-system}}}],"
        " ports: [{port: 53, protocol: UDP}, {port: 53, protocol: TCP}]}]",
        _POD + _policy("egress: [{to: [{podSelector: {matchLabels: {app: db}}}], ports: [{port: 5432}]}]"),
        _POD
        + _policy(
            "egress: [{to: [{podSelector: {}}], ports: [{port: 5432}]},"
            " {to: [{namespaceSelector: {matchLabels: {a: b}}}], ports: [{port: 53, protocol: UDP}]}]"
        ),
        _no_names,
        "manifests",
    ),
    Rule(
        "policy-peer-missing",
        "Pods that are let through are there.",
        "The label is misspelt, and the one that should come through does not.",
        "write the labels of the pods that call",
        _POD + _policy("ingress: [{from: [{podSelector: {matchLabels: {app: ap}}}]}]"),
        _POD + _policy("ingress: [{from: [{podSelector: {matchLabels: {app: app}}}]}]"),
        _from_nobody,
        "manifests",
        ("kube-linter dangling-networkpolicypeer-podselector",),
    ),
    Rule(
        "policy-types",
        "policyTypes names each direction that has rules.",
        "Rules for a direction that is not named have no effect.",
        "policyTypes: [Ingress, Egress]",
        _policy("policyTypes: [Ingress], egress: [{to: [{podSelector: {}}]}]"),
        _policy("policyTypes: [Ingress, Egress], egress: [{to: [{podSelector: {}}]}]"),
        _type_without_rules,
        "manifests",
    ),
    Rule(
        "policy-port",
        "A NetworkPolicy lets in on ports that its pods have.",
        "A name that no container has means no port at all.",
        "write the name of a container's port",
        _POD + _policy(f"ingress: [{{{_CLIENT}, ports: [{{port: web}}]}}]"),
        _POD + _policy(f"ingress: [{{{_CLIENT}, {_PORT_80}}}]"),
        _port_unknown,
        "manifests",
    ),
)

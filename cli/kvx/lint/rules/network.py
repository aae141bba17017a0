"""Network policies: whom they are for, and whom they let through."""

from collections.abc import Iterator
from ipaddress import IPv4Network, IPv6Network, ip_network

from kvx.lint.node import Node
from kvx.lint.objects import Manifests, Object
from kvx.lint.policies import CLIENT, POD, network, policies_over, policy_of, rules_of
from kvx.lint.rule import Found, Rule, each_alone, each_object
from kvx.lint.selectors import said

Places = Iterator[tuple[Node, str]]
METADATA = ip_network("169.254.169.254/32")


def _uncovered(manifests: Manifests) -> Iterator[Found]:
    words = {"Ingress": "anything in the cluster may reach it", "Egress": "it may reach anything, anywhere"}
    for pod in manifests.pods:
        if pod.spec.at("hostNetwork").value is True:
            continue
        for direction, message in words.items():
            if not policies_over(pod, direction, manifests):
                yield Found(pod.object, pod.template.path, f"no NetworkPolicy holds it: {message}")


@each_object("NetworkPolicy")
def _of_nothing(policy: Object, manifests: Manifests) -> Places:
    selector = policy.spec.at("podSelector")
    if not selector.given:
        yield selector, "it does not say which pods it is for"
    elif selector.pairs and not manifests.selected(selector, policy.namespace):
        yield selector, f"no pod here has {said(selector)}"


@each_alone("NetworkPolicy")
def _open(policy: Object) -> Places:
    for direction, rule, peers in rules_of(policy):
        if not peers.items:
            whom = "from everywhere" if direction == "Ingress" else "to everywhere"
            yield peers if peers.given else rule, f"it lets through {whom}"
        for peer in peers.items:
            if peer.at("namespaceSelector").value == {} and not peer.at("podSelector").pairs:
                yield peer.at("namespaceSelector"), "it means every pod of every namespace"


@each_alone("NetworkPolicy")
def _world(policy: Object) -> Places:
    for _, rule, peers in rules_of(policy):
        for peer in peers.items:
            block = network(peer.at("ipBlock", "cidr"))
            if block is not None and block.prefixlen == 0 and not rule.at("ports").items:
                yield peer.at("ipBlock", "cidr"), f"{block} is the whole world, on every port"


@each_alone("NetworkPolicy")
def _no_network(policy: Object) -> Places:
    for _, _, peers in rules_of(policy):
        for peer in peers.items:
            block = peer.at("ipBlock")
            for place in (block.at("cidr"), *block.at("except").items):
                if block.given and network(place) is None:
                    yield place, f"{place.value} is no network such as 10.0.0.0/8"


@each_alone("NetworkPolicy")
def _metadata(policy: Object) -> Places:
    for direction, _, peers in rules_of(policy):
        for peer in peers.items if direction == "Egress" else ():
            block = network(peer.at("ipBlock", "cidr"))
            holes = [network(each) for each in peer.at("ipBlock", "except").items]
            if _within(block) and not any(_within(hole) for hole in holes):
                yield peer.at("ipBlock"), f"{block} holds the metadata service, 169.254.169.254"


def _within(block: IPv4Network | IPv6Network | None) -> bool:
    return isinstance(block, IPv4Network) and isinstance(METADATA, IPv4Network) and METADATA.subnet_of(block)


@each_object("NetworkPolicy")
def _from_nobody(policy: Object, manifests: Manifests) -> Places:
    """Peers by a label that is in use here, with a value that is not; others' pods may have other labels."""
    for _, _, peers in rules_of(policy):
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


_WORLD = "{ipBlock: {cidr: 0.0.0.0/0, except: [169.254.0.0/16]}}"
RULES = (
    Rule(
        "network-policy-missing",
        "Every pod is held by network policies, both ways.",
        "Whatever breaks into one pod reaches all others, and the machine's metadata with its secrets.",
        "a NetworkPolicy with podSelector: {} and policyTypes: [Ingress, Egress], and one for what is needed",
        POD + policy_of("policyTypes: [Ingress]"),
        POD + policy_of("policyTypes: [Ingress, Egress]"),
        _uncovered,
        "manifests",
        ("kube-score pod-networkpolicy", "CKV2_K8S_6"),
    ),
    Rule(
        "policy-selects-nothing",
        "A NetworkPolicy is for pods that there are.",
        "It protects nothing, and looks as if it did.",
        "write the labels of the pods under podSelector.matchLabels",
        POD + policy_of("policyTypes: [Ingress]", "{matchLabels: {app: other}}"),
        POD + policy_of("policyTypes: [Ingress]", "{matchLabels: {app: app}}"),
        _of_nothing,
        "manifests",
        ("kube-score networkpolicy-targets-pod", "kube-linter dangling-networkpolicy"),
    ),
    Rule(
        "policy-open",
        "A NetworkPolicy names whom it lets through.",
        "An empty rule means everybody: the policy holds nothing back.",
        "from: [{podSelector: {matchLabels: {LABEL: VALUE}}}]",
        policy_of("ingress: [{}]"),
        policy_of(f"ingress: [{{{CLIENT}}}]"),
        _open,
        "manifests",
    ),
    Rule(
        "policy-to-the-world",
        "The whole world is let through on named ports only.",
        "A pod that is broken into reports home on whatever port it likes.",
        "ports: [{port: 443}]",
        policy_of(f"egress: [{{to: [{_WORLD}]}}]"),
        policy_of(f"egress: [{{to: [{_WORLD}], ports: [{{port: 443}}, {{port: 53}}]}}]"),
        _world,
        "manifests",
    ),
    Rule(
        "policy-network",
        "Networks in a NetworkPolicy are networks.",
        "The API server refuses it.",
        "cidr: 10.0.0.0/8",
        policy_of("egress: [{to: [{ipBlock: {cidr: 10.0.0.0}}, {ipBlock: {cidr: ten}}]}]"),
        policy_of("egress: [{to: [{ipBlock: {cidr: 10.0.0.0/8}}]}]"),
        _no_network,
        "manifests",
    ),
    Rule(
        "policy-metadata-service",
        "No pod reaches the metadata service.",
        "It tells whoever asks the machine's start-up data, with its secrets.",
        "ipBlock: {cidr: 0.0.0.0/0, except: [169.254.0.0/16]}",
        policy_of("egress: [{to: [{ipBlock: {cidr: 0.0.0.0/0}}], ports: [{port: 443}, {port: 53}]}]"),
        policy_of(f"egress: [{{to: [{_WORLD}], ports: [{{port: 443}}, {{port: 53}}]}}]"),
        _metadata,
        "manifests",
    ),
    Rule(
        "policy-peer-missing",
        "Pods that are let through are there.",
        "The label is misspelt, and the one that should come through does not.",
        "write the labels of the pods that call",
        POD + policy_of("ingress: [{from: [{podSelector: {matchLabels: {app: ap}}}]}]"),
        POD + policy_of("ingress: [{from: [{podSelector: {matchLabels: {app: app}}}]}]"),
        _from_nobody,
        "manifests",
        ("kube-linter dangling-networkpolicypeer-podselector",),
    ),
    Rule(
        "policy-types",
        "policyTypes names each direction that has rules.",
        "Rules for a direction that is not named have no effect.",
        "policyTypes: [Ingress, Egress]",
        policy_of("policyTypes: [Ingress], egress: [{to: [{podSelector: {}}]}]"),
        policy_of("policyTypes: [Ingress, Egress], egress: [{to: [{podSelector: {}}]}]"),
        _type_without_rules,
        "manifests",
    ),
)

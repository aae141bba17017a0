"""How requests find their pods: Services and Ingresses."""

from collections.abc import Iterator

from kvx.lint.node import Node
from kvx.lint.objects import Manifests, Object, Pod
from kvx.lint.rule import Rule, each_alone, each_object

Places = Iterator[tuple[Node, str]]


@each_object("Service")
def _selects_nothing(service: Object, manifests: Manifests) -> Places:
    selector = service.spec.at("selector")
    if selector.pairs and not manifests.served_by(service):
        words = ", ".join(f"{key}={value}" for key, value in selector.labels.items())
        yield selector, f"no pod here has {words}"


@each_object("Service")
def _port_missing(service: Object, manifests: Manifests) -> Places:
    for pod in manifests.served_by(service):
        for port in service.spec.at("ports").items:
            target = port.at("targetPort") if port.at("targetPort").given else port.at("port")
            if not _has_port(pod, target):
                yield target, f"no container of {pod.object.words} has the port {target.value}"


def _has_port(pod: Pod, target: Node) -> bool:
    """Numbers may be open without being said; only where some are said, the others count as missing."""
    ports = [port for each in pod.containers for port in each.node.at("ports").items]
    if target.text:
        return any(port.at("name").text == target.text for port in ports)
    return not ports or any(port.at("containerPort").number == target.number for port in ports)


@each_alone("Service")
def _open_on_nodes(service: Object) -> Places:
    kind = service.spec.at("type")
    if kind.text == "NodePort":
        yield kind, "its port is open on every node, past the Ingress and its TLS"
    if service.spec.at("externalIPs").items:
        yield service.spec.at("externalIPs"), "it takes the traffic of any address it names"


@each_alone("Service")
def _same_port_names(service: Object) -> Places:
    ports, seen = service.spec.at("ports").items, set()
    for port in ports:
        name = port.at("name")
        if len(ports) > 1 and (not name.text or name.text in seen):
            yield name, "each of several ports needs a name of its own"
        seen.add(name.text)


@each_object("Ingress")
def _nowhere(ingress: Object, manifests: Manifests) -> Places:
    for backend in _backends(ingress):
        name, port = backend.at("service", "name"), backend.at("service", "port")
        service = manifests.find("Service", name.text, ingress.namespace) if name.text else None
        if not name.text:
            continue
        if service is None:
            yield name, f"there is no Service {name.text} here"
        elif not _offers(service, port):
            yield port, f"the Service {name.text} has no such port"


def _backends(ingress: Object) -> Iterator[Node]:
    yield ingress.spec.at("defaultBackend")
    for rule in ingress.spec.at("rules").items:
        for path in rule.at("http", "paths").items:
            yield path.at("backend")


def _offers(service: Object, port: Node) -> bool:
    ports = service.spec.at("ports").items
    if port.at("name").text:
        return any(each.at("name").text == port.at("name").text for each in ports)
    return any(each.at("port").number == port.at("number").number for each in ports)


@each_alone("Ingress")
def _no_tls(ingress: Object) -> Places:
    covered = {host for each in ingress.spec.at("tls").items for host in each.at("hosts").texts}
    for rule in ingress.spec.at("rules").items:
        host = rule.at("host")
        wildcard = "*." + host.text.partition(".")[2]
        if host.text not in covered and wildcard not in covered:
            yield host, f"{host.text or 'every host'} is served without TLS"


@each_object("StatefulSet")
def _no_service(target: Object, manifests: Manifests) -> Places:
    name = target.spec.at("serviceName")
    if not name.text:
        yield name, "its pods have no names in DNS"
    elif manifests.find("Service", name.text, target.namespace) is None:
        yield name, f"there is no Service {name.text} here"


_POD = "---\napiVersion: v1\nkind: Pod\nmetadata: {name: app, labels: {app: app}}\n"
_POD += "spec: {containers: [{name: app, ports: [{name: http, containerPort: 8080}]}]}\n"
_SERVICE = "apiVersion: v1\nkind: Service\nmetadata: {{name: app}}\nspec: {{{}}}\n".format
_GOOD = "selector: {app: app}, ports: [{name: http, port: 80, targetPort: http}]"
_INGRESS = (
    "---\napiVersion: networking.k8s.io/v1\nkind: Ingress\nmetadata: {{name: app}}\nspec: {{{}}}\n"
).format
_RULE = "rules: [{{host: a.example, http: {{paths: [{{backend: {{service: {}}}}}]}}}}]".format
_SET = (
    "apiVersion: apps/v1\nkind: StatefulSet\nmetadata: {{name: app}}\nspec: {{serviceName: {}}}\n---\n"
).format
RULES = (
    Rule(
        "service-selects-nothing",
        "A Service means pods that there are.",
        "Every request to it fails.",
        "write the labels of the pods under spec.selector",
        _SERVICE("selector: {app: other}") + _POD,
        _SERVICE(_GOOD) + _POD,
        _selects_nothing,
        "manifests",
        ("kube-score service-targets-pod", "kube-linter dangling-service"),
    ),
    Rule(
        "service-port-missing",
        "A Service leads to a port that its pods have.",
        "Every request to it is refused.",
        "write the name of a container's port as targetPort",
        _SERVICE("selector: {app: app}, ports: [{port: 80, targetPort: web}]") + _POD,
        _SERVICE(_GOOD) + _POD,
        _port_missing,
        "manifests",
    ),
    Rule(
        "service-on-nodes",
        "A Service opens no port on the nodes.",
        "It can be reached past the Ingress, its TLS and its rules.",
        "type: ClusterIP, with an Ingress or a load balancer in front",
        _SERVICE("type: NodePort"),
        _SERVICE("type: ClusterIP"),
        _open_on_nodes,
        "manifests",
        ("kube-score service-type",),
    ),
    Rule(
        "service-port-names",
        "Several ports of a Service have names of their own.",
        "The API server refuses it.",
        "name: http",
        _SERVICE("ports: [{port: 80}, {port: 90}]"),
        _SERVICE("ports: [{port: 80, name: http}, {port: 90, name: metrics}]"),
        _same_port_names,
        "manifests",
    ),
    Rule(
        "ingress-leads-nowhere",
        "An Ingress leads to a Service and a port that there are.",
        "Whoever comes gets 404 or 503.",
        "write the name and port of a Service of the same namespace",
        _SERVICE(_GOOD) + _INGRESS(_RULE("{name: other, port: {number: 80}}")),
        _SERVICE(_GOOD) + _INGRESS(_RULE("{name: app, port: {name: http}}")),
        _nowhere,
        "manifests",
        ("kube-score ingress-targets-service", "kube-linter dangling-ingress"),
    ),
    Rule(
        "ingress-tls",
        "An Ingress speaks TLS.",
        "Keys, words and voices cross the network in clear.",
        "tls: [{hosts: [HOST], secretName: NAME}]",
        _INGRESS("rules: [{host: a.example}]"),
        _INGRESS("tls: [{hosts: [a.example], secretName: a}], rules: [{host: a.example}]"),
        _no_tls,
        "manifests",
    ),
    Rule(
        "stateful-set-service",
        "A StatefulSet has its Service.",
        "Its pods cannot find each other by name.",
        "serviceName: the name of a Service with clusterIP: None",
        _SET("other") + _SERVICE("clusterIP: None"),
        _SET("app") + _SERVICE("clusterIP: None"),
        _no_service,
        "manifests",
        ("kube-score statefulset-has-servicename",),
    ),
)

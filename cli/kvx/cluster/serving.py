"""Which Deployments of manifests are spoken to: those that a Service with a port `http` leads to."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from kvx.cluster.sets import SETS
from kvx.cluster.trouble import Object

HTTP = "http"


@dataclass(frozen=True, slots=True)
class Server:
    """A Deployment behind a Service; `port` is the container's, `service_port` the Service's."""

    namespace: str
    deployment: str
    service: str
    port: int
    service_port: int
    image: str


@dataclass(frozen=True, slots=True)
class Serving:
    """A Deployment whose newest version serves, and the pods that do."""

    namespace: str
    deployment: str
    pods: tuple[str, ...]


def servers_in(objects: Sequence[Object]) -> tuple[Server, ...]:
    """In the order of the Deployments."""
    services = [each for each in objects if each.get("kind") == "Service"]
    deployments = (each for each in objects if each.get("kind") == "Deployment")
    return tuple(server for each in deployments for server in _of(each, services))


def deployments_in(objects: Sequence[Object]) -> tuple[Object, ...]:
    return tuple(each for each in objects if each.get("kind") == "Deployment")


def workloads_in(objects: Sequence[Object]) -> tuple[Object, ...]:
    """All that is rolled out: sets first, on which others may stand."""
    sets = tuple(each for each in objects if each.get("kind") in SETS)
    return (*sets, *deployments_in(objects))


def spoken_to(objects: Sequence[Object]) -> tuple[Object, ...]:
    """The Deployments that answer people; all workloads, where no Service says which do."""
    servers = {(each.namespace, each.deployment) for each in servers_in(objects)}
    found = [each for each in deployments_in(objects) if (namespace_of(each), _name(each)) in servers]
    return tuple(found) or workloads_in(objects)


def _name(thing: Object) -> str:
    return str(thing["metadata"]["name"])


def namespace_of(thing: Object) -> str:
    return str((thing.get("metadata") or {}).get("namespace") or "default")


def _of(deployment: Object, services: Sequence[Object]) -> Iterator[Server]:
    template = deployment["spec"]["template"]
    labels, container = template.get("metadata", {}).get("labels") or {}, template["spec"]["containers"][0]
    for service in services:
        port = _http_port(service)
        selects = _selects((service.get("spec") or {}).get("selector") or {}, labels)
        if port is None or not selects or namespace_of(service) != namespace_of(deployment):
            continue
        yield Server(
            namespace_of(deployment),
            str(deployment["metadata"]["name"]),
            str(service["metadata"]["name"]),
            _container_port(container, port.get("targetPort", port["port"])),
            int(port["port"]),
            str(container.get("image", "")),
        )


def _http_port(service: Object) -> Object | None:
    ports = (service.get("spec") or {}).get("ports") or ()
    return next((port for port in ports if port.get("name") == HTTP), None)


def _selects(selector: Mapping[str, str], labels: Mapping[str, str]) -> bool:
    return bool(selector) and all(labels.get(key) == value for key, value in selector.items())


def _container_port(container: Object, target: object) -> int:
    """A target may be a number or the name of one."""
    if isinstance(target, int):
        return target
    named = (each for each in container.get("ports") or () if each.get("name") == target)
    return int(next((each["containerPort"] for each in named), 0) or str(target))

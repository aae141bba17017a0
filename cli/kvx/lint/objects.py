"""Objects of a cluster and the pods they make, as rules look at them; many of them looked through."""

from collections.abc import Hashable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TypeVar

from kvx.lint.node import Node
from kvx.lint.selectors import selects

Key = TypeVar("Key", bound=Hashable)
Thing = TypeVar("Thing")
# Where the template of its pods lies in an object of this kind.
TEMPLATES: dict[str, tuple[str, ...]] = {
    "Pod": (),
    "Deployment": ("spec", "template"),
    "ReplicaSet": ("spec", "template"),
    "StatefulSet": ("spec", "template"),
    "DaemonSet": ("spec", "template"),
    "ReplicationController": ("spec", "template"),
    "Job": ("spec", "template"),
    "CronJob": ("spec", "jobTemplate", "spec", "template"),
}
CLUSTER_WIDE = frozenset(
    {"Namespace", "ClusterRole", "ClusterRoleBinding", "PriorityClass", "CustomResourceDefinition", "Node"}
    | {"StorageClass", "PersistentVolume", "IngressClass", "APIService", "RuntimeClass", "CSIDriver"}
    | {"ValidatingWebhookConfiguration", "MutatingWebhookConfiguration", "ValidatingAdmissionPolicy"}
    | {"ValidatingAdmissionPolicyBinding", "VolumeSnapshotClass", "ClusterIssuer", "GatewayClass"}
)


@dataclass(frozen=True, eq=False)
class Object:
    """One object; `marks` are its YAML nodes, which know their lines. Without slots, as Manifests below."""

    source: str
    root: Node
    marks: object = None

    @cached_property
    def kind(self) -> str:
        return self.root.at("kind").text

    @cached_property
    def group(self) -> str:
        """The API group: "apps" of apps/v1, empty for the core."""
        return self.root.at("apiVersion").text.rpartition("/")[0]

    @cached_property
    def name(self) -> str:
        return self.root.at("metadata", "name").text or self.root.at("metadata", "generateName").text

    @cached_property
    def namespace(self) -> str:
        return self.root.at("metadata", "namespace").text

    @property
    def spec(self) -> Node:
        return self.root.at("spec")

    @property
    def words(self) -> str:
        place = f"{self.namespace}/" if self.namespace else ""
        return f"{self.kind} {place}{self.name or '(without a name)'}"


@dataclass(frozen=True, slots=True, eq=False)
class Container:
    """One container of a pod; `list_name` says in which of the pod's lists it stands."""

    pod: "Pod"
    node: Node
    list_name: str

    @property
    def name(self) -> str:
        return self.node.at("name").text or "(without a name)"

    @property
    def stays(self) -> bool:
        """Whether it runs as long as its pod: a sidecar does, what only prepares does not."""
        return self.list_name == "containers" or self.node.at("restartPolicy").text == "Always"


@dataclass(frozen=True, eq=False)
class Pod:
    """What a pod of an object will be. Without slots, as Manifests below."""

    object: Object
    template: Node

    @property
    def spec(self) -> Node:
        return self.template.at("spec")

    @cached_property
    def labels(self) -> Mapping[str, str]:
        return self.template.at("metadata", "labels").labels

    @cached_property
    def containers(self) -> tuple[Container, ...]:
        lists = ("initContainers", "containers", "ephemeralContainers")
        return tuple(Container(self, node, each) for each in lists for node in self.spec.at(each).items)

    @property
    def serves(self) -> bool:
        """Whether it is meant to stay: a job's pod ends by itself."""
        return self.object.kind not in {"Job", "CronJob"}

    @property
    def replicated(self) -> bool:
        return self.object.kind in {"Deployment", "StatefulSet", "ReplicaSet", "ReplicationController"}


@dataclass(frozen=True, eq=False)
class Manifests:
    """All that is looked at together; without slots, so that what is looked up often is kept."""

    objects: tuple[Object, ...]

    def of(self, *kinds: str) -> Iterator[Object]:
        return (each for kind in kinds for each in self._by_kind.get(kind, ()))

    def inside(self, kind: str, namespace: str) -> tuple[Object, ...]:
        """The objects of a kind that lie in a namespace."""
        return tuple(self._by_namespace.get((kind, namespace), ()))

    def find(self, kind: str, name: str, namespace: str = "") -> Object | None:
        """The object of that name; the namespace counts only for kinds that lie in one."""
        return self._by_name.get((kind, name, "" if kind in CLUSTER_WIDE else namespace))

    @cached_property
    def pods(self) -> tuple[Pod, ...]:
        return tuple(pods_of(self.objects))

    @cached_property
    def containers(self) -> tuple[Container, ...]:
        return tuple(container for pod in self.pods for container in pod.containers)

    @cached_property
    def label_keys(self) -> frozenset[str]:
        """The keys of all labels that pods have."""
        return frozenset(key for pod in self.pods for key in pod.labels)

    def pods_in(self, namespace: str) -> tuple[Pod, ...]:
        return self._pods_by_namespace.get(namespace, ())

    def pod_of(self, target: Object) -> Pod | None:
        """The pod that a workload makes."""
        return self._pods_by_object.get(id(target))

    def selected(self, selector: Node, namespace: str) -> tuple[Pod, ...]:
        """The pods of a namespace that a label selector means."""
        return tuple(pod for pod in self.pods_in(namespace) if selects(selector, pod.labels))

    def served_by(self, service: Object) -> tuple[Pod, ...]:
        """The pods behind a Service; none for one without a selector, whose addresses are put in by hand."""
        return self._served.get(id(service), ())

    @cached_property
    def served(self) -> frozenset[Object]:
        """The workloads whose pods a Service means."""
        return frozenset(pod.object for pods in self._served.values() for pod in pods)

    def scalers_of(self, target: Object, kind: str = "HorizontalPodAutoscaler") -> tuple[Object, ...]:
        """The autoscalers of a kind that are for this workload."""
        return self._scalers.get((kind, target.namespace, target.kind, target.name), ())

    @cached_property
    def _by_kind(self) -> Mapping[str, list[Object]]:
        return _grouped((each.kind, each) for each in self.objects)

    @cached_property
    def _by_namespace(self) -> Mapping[tuple[str, str], list[Object]]:
        return _grouped(((each.kind, each.namespace), each) for each in self.objects)

    @cached_property
    def _by_name(self) -> Mapping[tuple[str, str, str], Object]:
        """The last of a name wins, as it does when they are applied."""
        return {
            (each.kind, each.name, "" if each.kind in CLUSTER_WIDE else each.namespace): each
            for each in self.objects
        }

    @cached_property
    def _pods_by_namespace(self) -> Mapping[str, tuple[Pod, ...]]:
        grouped = _grouped((pod.object.namespace, pod) for pod in self.pods)
        return {namespace: tuple(pods) for namespace, pods in grouped.items()}

    @cached_property
    def _pods_by_object(self) -> Mapping[int, Pod]:
        return {id(pod.object): pod for pod in self.pods}

    @cached_property
    def _served(self) -> Mapping[int, tuple[Pod, ...]]:
        return {id(each): tuple(self._behind(each)) for each in self.of("Service")}

    def _behind(self, service: Object) -> Iterator[Pod]:
        wanted = service.spec.at("selector").labels
        pods = self.pods_in(service.namespace) if wanted else ()
        return (pod for pod in pods if wanted.items() <= pod.labels.items())

    @cached_property
    def _scalers(self) -> Mapping[tuple[str, str, str, str], tuple[Object, ...]]:
        fields = {"HorizontalPodAutoscaler": "scaleTargetRef", "VerticalPodAutoscaler": "targetRef"}
        grouped = _grouped(
            ((kind, each.namespace, place.at("kind").text, place.at("name").text), each)
            for kind, field in fields.items()
            for each in self.of(kind)
            for place in (each.spec.at(field),)
        )
        return {key: tuple(scalers) for key, scalers in grouped.items()}


def _grouped(pairs: Iterable[tuple[Key, Thing]]) -> Mapping[Key, list[Thing]]:
    found: dict[Key, list[Thing]] = {}
    for key, thing in pairs:
        found.setdefault(key, []).append(thing)
    return found


def pods_of(objects: Iterable[Object]) -> Iterator[Pod]:
    """The pods that these objects make; an object without a template makes none."""
    for each in objects:
        if each.kind in TEMPLATES:
            template = each.root.at(*TEMPLATES[each.kind]) if TEMPLATES[each.kind] else each.root
            if template.at("spec").given:
                yield Pod(each, template)


def most_replicas(target: Object, manifests: Manifests) -> int:
    """How many pods an object may have at once, a rollout aside: at its autoscaler's maximum."""
    scaled = [each.spec.at("maxReplicas").number or 0 for each in manifests.scalers_of(target)]
    if target.kind in {"Pod", "DaemonSet", "Job", "CronJob"}:
        return target.spec.at("parallelism").number or 1 if target.kind == "Job" else 1
    said = target.spec.at("replicas").number
    return max([*scaled, 1 if said is None else said])


def least_replicas(target: Object, manifests: Manifests) -> int:
    """How many pods an object has when little is asked of it."""
    scalers = manifests.scalers_of(target)
    if scalers:
        return min(each.spec.at("minReplicas").number or 1 for each in scalers)
    said = target.spec.at("replicas").number
    return 1 if said is None else said


def volumes(pod: Pod, kind: str) -> tuple[Node, ...]:
    """The pod's volumes of one kind, as the node of that kind."""
    return tuple(each.at(kind) for each in pod.spec.at("volumes").items if kind in each.keys)

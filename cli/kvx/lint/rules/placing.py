"""Objects as such: names, namespaces, API versions, claims, and pods without an owner."""

import re
from collections.abc import Iterator, Mapping

from kvx.lint.node import Node
from kvx.lint.objects import CLUSTER_WIDE, Manifests, Object
from kvx.lint.quantity import quantity
from kvx.lint.rule import Found, Rule, each_alone, each_object

Places = Iterator[tuple[Node, str]]
# Versions that Kubernetes serves no longer: what took their place, and since when they are gone.
GONE: Mapping[tuple[str, str], tuple[str, str]] = {
    **{
        ("extensions/v1beta1", kind): ("apps/v1", "1.16")
        for kind in ("Deployment", "DaemonSet", "ReplicaSet")
    },
    **{
        (f"apps/{version}", kind): ("apps/v1", "1.16")
        for version in ("v1beta1", "v1beta2")
        for kind in ("Deployment", "StatefulSet", "DaemonSet", "ReplicaSet")
    },
    ("extensions/v1beta1", "Ingress"): ("networking.k8s.io/v1", "1.22"),
    ("networking.k8s.io/v1beta1", "Ingress"): ("networking.k8s.io/v1", "1.22"),
    ("networking.k8s.io/v1beta1", "IngressClass"): ("networking.k8s.io/v1", "1.22"),
    ("extensions/v1beta1", "NetworkPolicy"): ("networking.k8s.io/v1", "1.16"),
    ("rbac.authorization.k8s.io/v1beta1", "Role"): ("rbac.authorization.k8s.io/v1", "1.22"),
    ("rbac.authorization.k8s.io/v1beta1", "RoleBinding"): ("rbac.authorization.k8s.io/v1", "1.22"),
    ("rbac.authorization.k8s.io/v1beta1", "ClusterRole"): ("rbac.authorization.k8s.io/v1", "1.22"),
    ("rbac.authorization.k8s.io/v1beta1", "ClusterRoleBinding"): ("rbac.authorization.k8s.io/v1", "1.22"),
    ("apiextensions.k8s.io/v1beta1", "CustomResourceDefinition"): ("apiextensions.k8s.io/v1", "1.22"),
    ("scheduling.k8s.io/v1beta1", "PriorityClass"): ("scheduling.k8s.io/v1", "1.22"),
    ("coordination.k8s.io/v1beta1", "Lease"): ("coordination.k8s.io/v1", "1.22"),
    ("batch/v1beta1", "CronJob"): ("batch/v1", "1.25"),
    ("policy/v1beta1", "PodDisruptionBudget"): ("policy/v1", "1.25"),
    ("policy/v1beta1", "PodSecurityPolicy"): ("Pod Security Admission", "1.25"),
    ("discovery.k8s.io/v1beta1", "EndpointSlice"): ("discovery.k8s.io/v1", "1.25"),
    ("autoscaling/v2beta1", "HorizontalPodAutoscaler"): ("autoscaling/v2", "1.25"),
    ("autoscaling/v2beta2", "HorizontalPodAutoscaler"): ("autoscaling/v2", "1.26"),
    ("flowcontrol.apiserver.k8s.io/v1beta3", "FlowSchema"): ("flowcontrol.apiserver.k8s.io/v1", "1.32"),
}
NAME = re.compile(r"[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?")
LEVELS = ("enforce", "audit", "warn")


def _gone(manifests: Manifests) -> Iterator[Found]:
    for each in manifests.objects:
        version = each.root.at("apiVersion")
        successor, since = GONE.get((version.text, each.kind), ("", ""))
        if successor:
            words = f"Kubernetes {since} serves no {version.text} any more; {successor} took its place"
            yield Found(each, version.path, words)


def _twice(manifests: Manifests) -> Iterator[Found]:
    seen: dict[tuple[str, str, str, str], Object] = {}
    for each in manifests.objects:
        key = (each.group, each.kind, each.namespace, each.name)
        if each.name and not each.root.at("metadata", "generateName").given and key in seen:
            words = f"{each.words} is in {seen[key].source} already, and the last one wins"
            yield Found(each, ("metadata", "name"), words)
        seen.setdefault(key, each)


def _names(manifests: Manifests) -> Iterator[Found]:
    for each in manifests.objects:
        name = each.root.at("metadata", "name")
        generated = each.root.at("metadata", "generateName")
        loose = each.group == "rbac.authorization.k8s.io"
        if not name.text and not generated.text:
            yield Found(each, name.path, "it has no name")
        elif name.text and not loose and NAME.fullmatch(name.text) is None:
            yield Found(each, name.path, f"{name.text[:80]} is no name that the API server takes")


def _no_namespace(manifests: Manifests) -> Iterator[Found]:
    """Only pods, and what they are of: others' kinds may lie in none."""
    for pod in manifests.pods:
        place = pod.object.root.at("metadata", "namespace")
        if place.text in {"", "default"}:
            where = "default" if place.text else "whichever namespace kubectl happens to be set to"
            yield Found(pod.object, place.path, f"it goes to {where}")


def _unnamed_namespace(manifests: Manifests) -> Iterator[Found]:
    """Where namespaces are made here, all of these objects lie in one of them or name another."""
    known = {each.name for each in manifests.of("Namespace")}
    used = {each.namespace for each in manifests.objects}
    for each in manifests.objects:
        lost = not each.namespace and each.kind not in CLUSTER_WIDE and each.group in _BUILT_IN_GROUPS
        if known & used and lost:
            words = "the others name their namespace, and this goes wherever kubectl is set to"
            yield Found(each, ("metadata", "namespace"), words)


_BUILT_IN_GROUPS = frozenset({"", "apps", "batch", "autoscaling", "policy", "networking.k8s.io"})


@each_object("Namespace")
def _not_restricted(namespace: Object, manifests: Manifests) -> Places:
    labels = namespace.root.at("metadata", "labels")
    inside = bool(manifests.pods_in(namespace.name))
    level = labels.at("pod-security.kubernetes.io/enforce")
    if inside and level.text != "restricted":
        yield level, f"pod security is {level.text or 'not said'}: the API server lets any pod in"
    for other in LEVELS:
        place = labels.at(f"pod-security.kubernetes.io/{other}")
        if place.given and place.text not in {"privileged", "baseline", "restricted"}:
            yield place, f"{place.value} is no level of pod security"


@each_alone("Pod", "ReplicaSet", "ReplicationController")
def _alone(item: Object) -> Places:
    if not item.root.at("metadata", "ownerReferences").items:
        yield item.root.at("kind"), "nothing starts it again, or brings a new version of it"


@each_alone("PersistentVolumeClaim")
def _unbound_claim(claim: Object) -> Places:
    size = claim.spec.at("resources", "requests", "storage")
    if quantity(size) is None:
        yield size, "it does not say how much it needs"


def _claim_missing(manifests: Manifests) -> Iterator[Found]:
    for pod in manifests.pods:
        for volume in pod.spec.at("volumes").items:
            name = volume.at("persistentVolumeClaim", "claimName")
            if name.text and not manifests.find("PersistentVolumeClaim", name.text, pod.object.namespace):
                yield Found(pod.object, name.path, f"there is no PersistentVolumeClaim {name.text} here")


def _shared_claim(manifests: Manifests) -> Iterator[Found]:
    """A volume that one node may mount, of pods that stand on several."""
    from_objects = {(each.namespace, each.name): each for each in manifests.of("PersistentVolumeClaim")}
    for pod in manifests.pods:
        several = pod.object.kind == "Deployment" and _several(pod.object, manifests)
        for volume in pod.spec.at("volumes").items if several else ():
            name = volume.at("persistentVolumeClaim", "claimName")
            claim = from_objects.get((pod.object.namespace, name.text))
            modes = claim.spec.at("accessModes").texts if claim else ()
            if modes and not {"ReadWriteMany", "ReadOnlyMany"} & set(modes):
                words = f"{name.text} is for one node, and the pods stand on several"
                yield Found(pod.object, name.path, words)


def _several(target: Object, manifests: Manifests) -> bool:
    from_scalers = [each.spec.at("maxReplicas").number or 0 for each in manifests.scalers_of(target)]
    return max([*from_scalers, target.spec.at("replicas").number or 1]) > 1


def manifest(spec: str, kind: str = "CronJob", version: str = "batch/v1") -> str:
    head = f"apiVersion: {version}\nkind: {kind}\nmetadata: {{name: app, namespace: app}}\n"
    return f"{head}spec: {{{spec}}}\n---\n"


_NAMESPACE = "apiVersion: v1\nkind: Namespace\nmetadata: {{name: app{}}}\n---\n".format
_POD = "apiVersion: v1\nkind: Pod\nmetadata: {{name: app{}}}\nspec: {{containers: []{}}}\n---\n".format
_CONFIG = "apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: {}}}\n---\n".format
_INSIDE = ", namespace: app"
_RESTRICTED = ", labels: {pod-security.kubernetes.io/enforce: restricted}"
_CLAIM = (
    "apiVersion: v1\nkind: PersistentVolumeClaim\n"
    "metadata: {{name: data, namespace: app}}\nspec: {{{}}}\n---\n"
).format
_DATA = "volumes: [{name: data, persistentVolumeClaim: {claimName: data}}]"
_TWO = f"replicas: 2, template: {{spec: {{{_DATA}}}}}"


RULES = (
    Rule(
        "api-version-gone",
        "API versions are those that Kubernetes serves.",
        "The API server knows nothing of the kind.",
        "write the version that took its place under apiVersion",
        manifest("", version="batch/v1beta1"),
        manifest(""),
        _gone,
        "manifests",
        ("kube-score stable-version", "kube-linter no-extensions-v1beta"),
    ),
    Rule(
        "object-twice",
        "An object is written once.",
        "The last one wins, and the first is edited in vain.",
        "remove one of them",
        _CONFIG("app") + _CONFIG("app"),
        _CONFIG("app") + _CONFIG("other"),
        _twice,
        "manifests",
    ),
    Rule(
        "object-name",
        "Names are small letters, digits, dots and dashes.",
        "The API server refuses the object.",
        "metadata: {name: voice-api}",
        _CONFIG("Voice_API"),
        _CONFIG("voice-api"),
        _names,
        "manifests",
    ),
    Rule(
        "pod-namespace",
        "Pods lie in a namespace of their own.",
        "In default no quota, no policy and no rights are theirs alone.",
        "metadata: {namespace: NAME}",
        _POD("", ""),
        _POD(_INSIDE, ""),
        _no_namespace,
        "manifests",
        ("CKV_K8S_21", "kube-linter use-namespace"),
    ),
    Rule(
        "namespace-forgotten",
        "Every object says its namespace.",
        "One that does not lands elsewhere, where nothing finds it.",
        "metadata: {namespace: NAME}",
        _NAMESPACE("") + _POD(_INSIDE, "") + _CONFIG("a"),
        _NAMESPACE("") + _POD(_INSIDE, "") + _CONFIG("a, namespace: app"),
        _unnamed_namespace,
        "manifests",
    ),
    Rule(
        "namespace-restricted",
        "A namespace with pods enforces restricted pod security.",
        "The rules above hold only for who asks kvx; the label holds for everybody.",
        "labels: {pod-security.kubernetes.io/enforce: restricted}",
        _NAMESPACE("") + _POD(_INSIDE, ""),
        _NAMESPACE(_RESTRICTED) + _POD(_INSIDE, ""),
        _not_restricted,
        "manifests",
    ),
    Rule(
        "pod-alone",
        "Pods are made by a workload.",
        "When its node goes, a pod alone is gone.",
        "make it the template of a Deployment, a StatefulSet or a Job",
        _POD(_INSIDE, ""),
        manifest("", "Deployment", "apps/v1"),
        _alone,
        "manifests",
    ),
    Rule(
        "claim-size",
        "A volume claim says its size.",
        "The API server refuses it.",
        "resources: {requests: {storage: 10Gi}}",
        _CLAIM(""),
        _CLAIM("resources: {requests: {storage: 10Gi}}"),
        _unbound_claim,
        "manifests",
    ),
    Rule(
        "claim-missing",
        "A volume claim that is used is there.",
        "The pod waits for it, and never starts.",
        "add the PersistentVolumeClaim, or correct its name",
        manifest(_TWO, "Deployment", "apps/v1"),
        manifest(_TWO, "Deployment", "apps/v1") + _CLAIM("accessModes: [ReadWriteMany]"),
        _claim_missing,
        "manifests",
    ),
    Rule(
        "claim-for-one-node",
        "Pods on several nodes share no volume that one node may mount.",
        "The second pod waits for the volume for ever, and a rollout stands still.",
        "one replica with strategy: {type: Recreate}, or accessModes: [ReadWriteMany]",
        manifest(_TWO, "Deployment", "apps/v1") + _CLAIM("accessModes: [ReadWriteOnce]"),
        manifest(_TWO, "Deployment", "apps/v1") + _CLAIM("accessModes: [ReadWriteMany]"),
        _shared_claim,
        "manifests",
        ("kube-score deployment-pvc-replicas",),
    ),
)

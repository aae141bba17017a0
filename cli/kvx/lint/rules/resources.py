"""Images, and what a container may use."""

import re
from collections.abc import Iterator

from kvx.lint.node import Node
from kvx.lint.objects import Container, Pod, volumes
from kvx.lint.quantity import quantity, said
from kvx.lint.rule import Rule, each_container, each_pod

Places = Iterator[tuple[Node, str]]
# Of such a name there is no registry, ever (RFC 2606): who names an image so has loaded it onto the nodes.
NO_REGISTRY = ".invalid"
DIGEST = re.compile(r"@sha256:[0-9a-f]{64}$")
_LIMITS = "resources: {limits: {cpu: 500m, memory: 512Mi}}"


def _no_digest(container: Container) -> Places:
    image = container.node.at("image")
    if DIGEST.search(image.text):
        return
    if not image.text:
        yield image, "it has no image"
        return
    tag = image.text.rpartition("/")[2].partition(":")[2]
    moving = "can be another one tomorrow" if tag not in {"", "latest"} else "is whatever was pushed last"
    yield image, f"{image.text} {moving}"


def _pull_policy(container: Container) -> Places:
    policy = container.node.at("imagePullPolicy")
    image = container.node.at("image").text
    pinned = DIGEST.search(image)
    if policy.text == "Never" and not (pinned and image.partition("/")[0].endswith(NO_REGISTRY)):
        yield policy, "it starts only on nodes that have the image by chance"
    elif policy.text == "IfNotPresent" and not pinned:
        yield policy, "nodes keep what they pulled once under this tag"


def _missing(container: Container, place: str, names: tuple[str, ...]) -> Places:
    for name in names:
        setting = container.node.at("resources", place, name)
        if not setting.given:
            yield setting, f"{place}.{name} is not said"


def _no_requests(container: Container) -> Places:
    yield from _missing(container, "requests", ("cpu", "memory"))


def _no_limits(container: Container) -> Places:
    yield from _missing(container, "limits", ("cpu", "memory"))


def _no_ephemeral(container: Container) -> Places:
    yield from _missing(container, "requests", ("ephemeral-storage",))
    yield from _missing(container, "limits", ("ephemeral-storage",))


def _more_than_allowed(container: Container) -> Places:
    for name, wanted in container.node.at("resources", "requests").pairs:
        limit = container.node.at("resources", "limits", name)
        asked, allowed = quantity(wanted), quantity(limit)
        if asked is not None and allowed is not None and asked > allowed:
            words = f"it asks for {said(asked, name)} of {name} and may use {said(allowed, name)}"
            yield wanted, words


def _no_quantity(container: Container) -> Places:
    for place in ("requests", "limits"):
        for name, wanted in container.node.at("resources", place).pairs:
            amount = quantity(wanted)
            if wanted.given and (amount is None or amount < 0):
                yield wanted, f"{wanted.value!r} is no amount of {name}"


def _tiny_memory(container: Container) -> Places:
    for place in ("requests", "limits"):
        wanted = container.node.at("resources", place, "memory")
        amount = quantity(wanted)
        if amount is not None and 0 < amount < 1024**2:
            yield wanted, f"{wanted.value} is less than a mebibyte: a small m means a thousandth of a byte"


def _unbounded_folder(pod: Pod) -> Places:
    for folder in volumes(pod, "emptyDir"):
        if not folder.at("sizeLimit").given:
            yield folder.at("sizeLimit"), "the folder may fill the node's disk"


def _folder_beyond_limit(pod: Pod) -> Places:
    limits = [quantity(each.node.at("resources", "limits", "ephemeral-storage")) for each in pod.containers]
    room = None if None in limits else sum(limit for limit in limits if limit is not None)
    for folder in volumes(pod, "emptyDir"):
        size = quantity(folder.at("sizeLimit"))
        if folder.at("medium").text == "Memory" or size is None or not room:
            continue
        if size > room:
            words = f"the folder may hold {said(size, 'storage')}, the pod only {said(room, 'storage')}"
            yield folder.at("sizeLimit"), words


RULES = (
    Rule(
        "image-digest",
        "Images are named by their digest.",
        "A tag can be moved: what was tested is not what runs, and two replicas may differ.",
        "image: NAME@sha256:DIGEST, as docker buildx imagetools inspect NAME:TAG tells it",
        "image: registry.example/app:1.2",
        f"image: registry.example/app:1.2@sha256:{'0' * 64}",
        each_container(_no_digest),
        "container",
        ("kube-score container-image-tag", "CKV_K8S_14", "CKV_K8S_43"),
    ),
    Rule(
        "image-pull-policy",
        "A node takes the image that is meant.",
        "Under a tag that was pulled once a node keeps the old image; with Never a new node has none.",
        "imagePullPolicy: Always, or a digest",
        "imagePullPolicy: Never",
        "imagePullPolicy: Always",
        each_container(_pull_policy),
        "container",
        ("kube-score container-image-pull-policy", "CKV_K8S_15"),
    ),
    Rule(
        "requests",
        "A container says what it needs.",
        "Without requests the scheduler packs blindly, and the pod is the first to be thrown out.",
        "resources: {requests: {cpu: 100m, memory: 128Mi}}",
        "resources: {requests: {cpu: 100m}}",
        "resources: {requests: {cpu: 100m, memory: 128Mi}}",
        each_container(_no_requests),
        "container",
        ("kube-score container-resources", "CKV_K8S_10", "CKV_K8S_12"),
    ),
    Rule(
        "limits",
        "A container has an end to what it takes.",
        "One that leaks takes its whole node with it.",
        _LIMITS,
        "resources: {limits: {cpu: 500m}}",
        _LIMITS,
        each_container(_no_limits),
        "container",
        ("kube-score container-resources", "CKV_K8S_11", "CKV_K8S_13"),
    ),
    Rule(
        "ephemeral-storage",
        "A container says how much of the node's disk it may use.",
        "Logs and temporary files fill the disk, and the node throws out its pods.",
        "resources: {requests: {ephemeral-storage: 64Mi}, limits: {ephemeral-storage: 256Mi}}",
        _LIMITS,
        "resources: {requests: {ephemeral-storage: 64Mi}, limits: {ephemeral-storage: 256Mi}}",
        each_container(_no_ephemeral),
        "container",
        ("kube-score container-ephemeral-storage-request-and-limit",),
    ),
    Rule(
        "requests-within-limits",
        "Nobody asks for more than is allowed.",
        "The API server refuses such a pod, and the Deployment stands still without a word.",
        "lower the request, or raise the limit",
        "resources: {requests: {memory: 1Gi}, limits: {memory: 512Mi}}",
        "resources: {requests: {memory: 256Mi}, limits: {memory: 512Mi}}",
        each_container(_more_than_allowed),
    ),
    Rule(
        "quantity",
        "Amounts are written as Kubernetes reads them.",
        "The API server refuses the whole object.",
        "500m for half a core, 512Mi for memory",
        "resources: {limits: {memory: 512 MB}}",
        "resources: {limits: {memory: 512Mi}}",
        each_container(_no_quantity),
    ),
    Rule(
        "tiny-memory",
        "Memory is counted in mebibytes or more.",
        "512m is half a byte: the container is killed as it starts.",
        "512Mi instead of 512m",
        "resources: {limits: {memory: 512m}}",
        "resources: {limits: {memory: 512Mi}}",
        each_container(_tiny_memory),
    ),
    Rule(
        "empty-dir-size",
        "An emptyDir has a size.",
        "It grows on the node's own disk, until the node throws out pods.",
        "emptyDir: {sizeLimit: 128Mi}",
        "volumes: [{name: temporary, emptyDir: {}}]",
        "volumes: [{name: temporary, emptyDir: {sizeLimit: 128Mi}}]",
        each_pod(_unbounded_folder),
        "pod",
    ),
    Rule(
        "empty-dir-fits",
        "An emptyDir is no larger than the disk its pod may use.",
        "The pod is thrown out before the folder is full.",
        "lower sizeLimit, or raise limits.ephemeral-storage",
        "volumes: [{name: temporary, emptyDir: {sizeLimit: 1Gi}}]\n"
        "containers: [{name: app, resources: {limits: {ephemeral-storage: 64Mi}}}]",
        "volumes: [{name: temporary, emptyDir: {sizeLimit: 32Mi}}]\n"
        "containers: [{name: app, resources: {limits: {ephemeral-storage: 64Mi}}}]",
        each_pod(_folder_beyond_limit),
        "pod",
    ),
)

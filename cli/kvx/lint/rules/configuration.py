"""Settings and secrets: whether they are there, and how they reach a container."""

import re
from collections.abc import Iterator
from typing import NamedTuple

from kvx.lint.node import Node
from kvx.lint.objects import Container, Manifests, Object, Pod
from kvx.lint.rule import Found, Rule, each_alone, each_container

Places = Iterator[tuple[Node, str]]
# Kubernetes puts this one into every namespace.
EVERYWHERE = frozenset({("ConfigMap", "kube-root-ca.crt")})
SECRET_NAME = re.compile(
    r"(^|[_.-])(password|passwd|secret|token|api[_-]?key|private[_-]?key|credentials?)$", re.IGNORECASE
)


class Wish(NamedTuple):
    """What a pod wants of a ConfigMap or a Secret: the place of the name, and of each key it names."""

    kind: str
    name: Node
    keys: tuple[Node, ...]


def _wishes(pod: Pod) -> Iterator[Wish]:
    for container in pod.containers:
        for source in container.node.at("envFrom").items:
            yield from _named(source, "configMapRef", "secretRef")
        for variable in container.node.at("env").items:
            yield from _named(variable.at("valueFrom"), "configMapKeyRef", "secretKeyRef")
    for volume in pod.spec.at("volumes").items:
        yield from _mounted(volume, "secretName")
        for source in volume.at("projected", "sources").items:
            yield from _mounted(source, "name")
    for each in pod.spec.at("imagePullSecrets").items:
        yield Wish("Secret", each.at("name"), ())


def _named(source: Node, config_map: str, secret: str) -> Iterator[Wish]:
    for kind, field in (("ConfigMap", config_map), ("Secret", secret)):
        reference = source.at(field)
        if reference.given and reference.at("optional").value is not True:
            keys = (reference.at("key"),) if reference.at("key").given else ()
            yield Wish(kind, reference.at("name"), keys)


def _mounted(volume: Node, secret_name: str) -> Iterator[Wish]:
    for kind, field, name in (("ConfigMap", "configMap", "name"), ("Secret", "secret", secret_name)):
        reference = volume.at(field)
        if reference.given and reference.at("optional").value is not True:
            keys = tuple(item.at("key") for item in reference.at("items").items)
            yield Wish(kind, reference.at(name), keys)


def _missing(kind: str, manifests: Manifests) -> Iterator[Found]:
    for pod in manifests.pods:
        for wish in _wishes(pod):
            known = (kind, wish.name.text) in EVERYWHERE
            there = manifests.find(kind, wish.name.text, pod.object.namespace)
            if wish.kind == kind and not known and there is None:
                yield Found(pod.object, wish.name.path, f"there is no {kind} {wish.name.text} here")


def _config_map_missing(manifests: Manifests) -> Iterator[Found]:
    yield from _missing("ConfigMap", manifests)


def _secret_missing(manifests: Manifests) -> Iterator[Found]:
    yield from _missing("Secret", manifests)
    for ingress in manifests.of("Ingress"):
        for each in ingress.spec.at("tls").items:
            name = each.at("secretName")
            if name.text and manifests.find("Secret", name.text, ingress.namespace) is None:
                yield Found(ingress, name.path, f"there is no Secret {name.text} here")


def _key_missing(manifests: Manifests) -> Iterator[Found]:
    for pod in manifests.pods:
        for wish in _wishes(pod):
            source = manifests.find(wish.kind, wish.name.text, pod.object.namespace)
            for key in wish.keys if source else ():
                if source and key.text not in _keys(source):
                    words = f"the {wish.kind} {wish.name.text} has no key {key.text}"
                    yield Found(pod.object, key.path, words)


def _keys(source: Object) -> frozenset[str]:
    fields = ("data", "binaryData", "stringData")
    return frozenset(key for field in fields for key in source.root.at(field).keys)


def _secret_in_environment(container: Container) -> Places:
    for variable in container.node.at("env").items:
        if variable.at("valueFrom", "secretKeyRef").given:
            yield variable, f"{variable.at('name').text} is a secret in the environment"
    for source in container.node.at("envFrom").items:
        if source.at("secretRef").given:
            yield source, f"all of the Secret {source.at('secretRef', 'name').text} is in the environment"


def _in_clear(container: Container) -> Places:
    for variable in container.node.at("env").items:
        name = variable.at("name").text
        if SECRET_NAME.search(name) and variable.at("value").text:
            yield variable.at("value"), f"the value of {name} stands in the manifest"


def _config_in_clear(manifests: Manifests) -> Iterator[Found]:
    yield from each_container(_in_clear)(manifests)
    for each in manifests.of("ConfigMap"):
        for key, value in each.root.at("data").pairs:
            if SECRET_NAME.search(key) and value.text:
                yield Found(each, value.path, f"{key} stands in a ConfigMap, which everybody may read")


def _twice(container: Container) -> Places:
    seen: set[str] = set()
    for variable in container.node.at("env").items:
        name = variable.at("name")
        if name.text and name.text in seen:
            yield name, f"{name.text} is set twice, and the last one wins"
        seen.add(name.text)


def _not_text(container: Container) -> Places:
    for variable in container.node.at("env").items:
        value = variable.at("value")
        if value.given and not isinstance(value.value, str):
            yield value, f"{variable.at('name').text} is {value.value!r}, which YAML does not take as text"


@each_alone("ConfigMap")
def _data_not_text(config: Object) -> Places:
    for key, value in config.root.at("data").pairs:
        if not isinstance(value.value, str):
            yield value, f"{key} is {value.value!r}, which YAML does not take as text"


def _mount_missing(container: Container) -> Places:
    names = {volume.at("name").text for volume in container.pod.spec.at("volumes").items}
    claims = container.pod.object.spec.at("volumeClaimTemplates").items
    names |= {claim.at("metadata", "name").text for claim in claims}
    for mount in container.node.at("volumeMounts").items:
        if mount.at("name").text not in names:
            yield mount.at("name"), f"the pod has no volume {mount.at('name').text}"


def _secret_readable(manifests: Manifests) -> Iterator[Found]:
    for pod in manifests.pods:
        for volume in pod.spec.at("volumes").items:
            mode = volume.at("secret", "defaultMode")
            if volume.at("secret").given and ((mode.number if mode.number is not None else 0o644) & 0o007):
                yield Found(pod.object, mode.path, "every user of the container may read the secret")


@each_alone("ConfigMap", "Secret")
def _changeable(config: Object) -> Places:
    hashed = re.search(r"-[2456789bcdfghkmt]{10}$", config.name)
    if hashed and config.root.at("immutable").value is not True:
        yield config.root.at("immutable"), "its name promises this very content, and it can be changed"


def _config(data: str, name: str = "settings", kind: str = "ConfigMap") -> str:
    return f"apiVersion: v1\nkind: {kind}\nmetadata: {{name: {name}}}\ndata: {data}\n---\n"


def _pod(container: str, volumes: str = "[]") -> str:
    return (
        "apiVersion: v1\nkind: Pod\nmetadata: {name: app}\n"
        f"spec: {{volumes: {volumes}, containers: [{{name: app, {container}}}]}}\n"
    )


_FROM = "envFrom: [{configMapRef: {name: settings}}]"
_KEY = "env: [{{name: A, valueFrom: {{configMapKeyRef: {{name: settings, key: {}}}}}}}]".format
_SECRET = "volumes: [{{name: key, secret: {{secretName: key{}}}}}]".format
RULES = (
    Rule(
        "config-map-missing",
        "A ConfigMap that is used is there.",
        "The pod waits for it, and never starts.",
        "add the ConfigMap, or mark it optional: true",
        _pod(_FROM),
        _config("{A: b}") + _pod(_FROM),
        _config_map_missing,
        "manifests",
        ("kube-linter env-value-from",),
    ),
    Rule(
        "secret-missing",
        "A Secret that is used is there.",
        "The pod waits for it and never starts; an Ingress answers with a certificate nobody trusts.",
        "add the Secret; where it is made in the cluster, say so with lint.kvx/secret-missing",
        _pod("env: []", "[{name: key, secret: {secretName: key}}]"),
        _config("{a: Yg==}", "key", "Secret") + _pod("env: []", "[{name: key, secret: {secretName: key}}]"),
        _secret_missing,
        "manifests",
    ),
    Rule(
        "config-key-missing",
        "A key that is used is in its ConfigMap or Secret.",
        "The container cannot be made: CreateContainerConfigError.",
        "add the key, or correct its name",
        _config("{A: b}") + _pod(_KEY("B")),
        _config("{A: b}") + _pod(_KEY("A")),
        _key_missing,
        "manifests",
    ),
    Rule(
        "secret-in-environment",
        "Secrets are files.",
        "The environment is inherited by every program, and printed by every crash report.",
        "mount the Secret as a volume with defaultMode: 0400",
        "env: [{name: KEY, valueFrom: {secretKeyRef: {name: key, key: key}}}]",
        "env: [{name: KEY_FILE, value: /secrets/key}]",
        each_container(_secret_in_environment),
        "container",
        ("CKV_K8S_35",),
    ),
    Rule(
        "secret-in-clear",
        "No manifest holds a secret in clear.",
        "Whoever reads the repository has it, for ever.",
        "put it into a Secret that is made outside of the repository",
        "env: [{name: API_TOKEN, value: s3cr3t}]",
        "env: [{name: API_TOKEN_FILE, value: /secrets/token}]",
        _config_in_clear,
        "container",
        ("kube-linter env-var-secret",),
    ),
    Rule(
        "variable-twice",
        "A variable is set once.",
        "The last one wins, and the next reader changes the first.",
        "remove one of them",
        "env: [{name: A, value: b}, {name: A, value: c}]",
        "env: [{name: A, value: b}]",
        each_container(_twice),
        "container",
        ("kube-score environment-variable-key-duplication", "kube-linter duplicate-env-vars"),
    ),
    Rule(
        "variable-text",
        "Values of variables are text.",
        "The API server refuses numbers and true; YAML makes them of 8080 and yes.",
        'put it in quotes: value: "8080"',
        "env: [{name: PORT, value: 8080}]",
        'env: [{name: PORT, value: "8080"}]',
        each_container(_not_text),
    ),
    Rule(
        "config-text",
        "Values of a ConfigMap are text.",
        "The API server refuses it.",
        'put it in quotes: "8080"',
        _config("{PORT: 8080}"),
        _config('{PORT: "8080"}'),
        _data_not_text,
        "manifests",
    ),
    Rule(
        "mount-missing",
        "What is mounted is a volume of the pod.",
        "The API server refuses it.",
        "add the volume, or correct the name",
        "volumeMounts: [{name: nothing, mountPath: /tmp}]",
        "volumeMounts: []",
        each_container(_mount_missing),
    ),
    Rule(
        "secret-mode",
        "Secret files are for their owner.",
        "Any program in the container reads them.",
        "defaultMode: 0400",
        _SECRET(""),
        _SECRET(", defaultMode: 0400"),
        _secret_readable,
        "pod",
    ),
    Rule(
        "hashed-immutable",
        "What is named by its content cannot change.",
        "Edited in place, it is not what its name says, and a rollback brings the wrong settings.",
        "immutable: true",
        _config("{A: b}", "settings-ggc4fb6gc6"),
        _config("{A: b}\nimmutable: true", "settings-ggc4fb6gc6"),
        _changeable,
        "manifests",
    ),
)

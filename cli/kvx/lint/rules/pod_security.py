"""What a process in a container may do: the Pod Security Standard "restricted", and beyond it."""

from collections.abc import Iterator, Mapping

from kvx.lint.node import Node
from kvx.lint.objects import Container, Pod
from kvx.lint.rule import Rule, each_container, each_pod

LEAST_ID = 10_000
Places = Iterator[tuple[Node, str]]
_RESTRICTED = "Pod Security Standard restricted"


def _security(container: Container, key: str) -> Node:
    """What is in force for a container: its own word, or else its pod's."""
    own = container.node.at("securityContext", key)
    return own if own.given else container.pod.spec.at("securityContext", key)


def _own(container: Container, key: str) -> Node:
    return container.node.at("securityContext", key)


def _privileged(container: Container) -> Places:
    if _own(container, "privileged").value is True:
        yield _own(container, "privileged"), "it is privileged: root on the node"


def _escalation(container: Container) -> Places:
    if _own(container, "allowPrivilegeEscalation").value is not False:
        yield _own(container, "allowPrivilegeEscalation"), "it may gain rights that it did not start with"


def _not_dropped(container: Container) -> Places:
    drop = _own(container, "capabilities").at("drop")
    if "ALL" not in drop.texts:
        yield drop, "it keeps capabilities of root"


def _added(container: Container) -> Places:
    for each in _own(container, "capabilities").at("add").items:
        if each.text != "NET_BIND_SERVICE":
            yield each, f"it is given the capability {each.text}"


def _may_be_root(container: Container) -> Places:
    setting = _security(container, "runAsNonRoot")
    if setting.value is not True:
        yield setting, "its image may start as root"


def _is_root(container: Container) -> Places:
    for key in ("runAsUser", "runAsGroup"):
        if _security(container, key).number == 0:
            yield _security(container, key), f"{key} is 0: root"


def _low_id(container: Container) -> Places:
    for key in ("runAsUser", "runAsGroup"):
        setting = _security(container, key)
        if setting.number is None:
            yield setting, f"{key} is not said: the image decides"
        elif 0 < setting.number < LEAST_ID:
            yield setting, f"{key} is {setting.number}, which a user of the node may have"


def _no_seccomp(container: Container) -> Places:
    setting = _security(container, "seccompProfile").at("type")
    if setting.text not in {"RuntimeDefault", "Localhost"}:
        yield setting, f"seccomp is {setting.text or 'not said'}: every system call is allowed"


def _proc_mount(container: Container) -> Places:
    setting = _own(container, "procMount")
    if setting.given and setting.text != "Default":
        yield setting, f"procMount is {setting.text}: /proc is shown without its masks"


def _writable_root(container: Container) -> Places:
    setting = _own(container, "readOnlyRootFilesystem")
    if setting.value is not True:
        yield setting, "it can write to its own programs"


def _shares_processes(pod: Pod) -> Places:
    if pod.spec.at("shareProcessNamespace").value is True:
        yield pod.spec.at("shareProcessNamespace"), "its containers see, and can end, each other's processes"


def _service_links(pod: Pod) -> Places:
    if pod.serves and pod.spec.at("enableServiceLinks").value is not False:
        yield pod.spec.at("enableServiceLinks"), "every Service beside it becomes environment variables"


def _broken_context(container: Container) -> Places:
    context = container.node.at("securityContext")
    if context.given and not isinstance(context.value, Mapping):
        yield context, "securityContext is no mapping"


_CONTEXT = "securityContext: {{{}}}".format


RULES = (
    Rule(
        "privileged",
        "No container is privileged.",
        "It is root on the node, with every device.",
        "remove privileged, and add the one capability that is needed",
        _CONTEXT("privileged: true"),
        _CONTEXT("privileged: false"),
        each_container(_privileged),
        "container",
        (_RESTRICTED, "CKV_K8S_16", "kube-score container-security-context-privileged"),
    ),
    Rule(
        "privilege-escalation",
        "A container cannot gain rights.",
        "A setuid program in the image turns any break-in into root.",
        "securityContext: {allowPrivilegeEscalation: false}",
        _CONTEXT("allowPrivilegeEscalation: true"),
        _CONTEXT("allowPrivilegeEscalation: false"),
        each_container(_escalation),
        "container",
        (_RESTRICTED, "CKV_K8S_20"),
    ),
    Rule(
        "capabilities-dropped",
        "A container drops all capabilities.",
        "The default set lets a process forge packets and change owners of files.",
        "securityContext: {capabilities: {drop: [ALL]}}",
        _CONTEXT("capabilities: {drop: [NET_RAW]}"),
        _CONTEXT("capabilities: {drop: [ALL]}"),
        each_container(_not_dropped),
        "container",
        (_RESTRICTED, "CKV_K8S_28", "CKV_K8S_37"),
    ),
    Rule(
        "capabilities-added",
        "A container is given no capability but NET_BIND_SERVICE.",
        "Each is a part of root's power over the node.",
        "remove it from capabilities.add",
        _CONTEXT("capabilities: {add: [SYS_ADMIN]}"),
        _CONTEXT("capabilities: {add: [NET_BIND_SERVICE]}"),
        each_container(_added),
        "container",
        (_RESTRICTED, "CKV_K8S_25"),
    ),
    Rule(
        "run-as-non-root",
        "Kubernetes refuses to start a container as root.",
        "Root in a container is one kernel fault away from root on the node.",
        "securityContext: {runAsNonRoot: true}",
        _CONTEXT("runAsNonRoot: false"),
        _CONTEXT("runAsNonRoot: true"),
        each_container(_may_be_root),
        "container",
        (_RESTRICTED, "CKV_K8S_23"),
    ),
    Rule(
        "run-as-root",
        "No user or group is 0.",
        "It is root, whatever runAsNonRoot says of the image.",
        "securityContext: {runAsUser: 65532, runAsGroup: 65532}",
        _CONTEXT("runAsUser: 0"),
        _CONTEXT("runAsUser: 65532, runAsGroup: 65532"),
        each_container(_is_root),
        "container",
        (_RESTRICTED,),
    ),
    Rule(
        "low-user-id",
        "User and group are said, and are 10000 or more.",
        "A low number may be a real user of the node, whose files a container that breaks out can use.",
        "securityContext: {runAsUser: 65532, runAsGroup: 65532}",
        _CONTEXT("runAsUser: 1000, runAsGroup: 1000"),
        _CONTEXT("runAsUser: 65532, runAsGroup: 65532"),
        each_container(_low_id),
        "container",
        ("kube-score container-security-context-user-group-id", "CKV_K8S_40"),
    ),
    Rule(
        "seccomp",
        "Unusual system calls are refused.",
        "Most ways out of a container begin with one that no ordinary program makes.",
        "securityContext: {seccompProfile: {type: RuntimeDefault}}",
        _CONTEXT("seccompProfile: {type: Unconfined}"),
        _CONTEXT("seccompProfile: {type: RuntimeDefault}"),
        each_container(_no_seccomp),
        "container",
        (_RESTRICTED, "CKV_K8S_31", "kube-score container-seccomp-profile"),
    ),
    Rule(
        "proc-mount",
        "/proc keeps its masks.",
        "Without them a container reads and sets what is the kernel's.",
        "remove procMount",
        _CONTEXT("procMount: Unmasked"),
        _CONTEXT("procMount: Default"),
        each_container(_proc_mount),
        "container",
        (_RESTRICTED,),
    ),
    Rule(
        "read-only-root",
        "A container cannot change its own files.",
        "What breaks in can stay, by writing itself into the programs.",
        "securityContext: {readOnlyRootFilesystem: true}, and an emptyDir where it has to write",
        _CONTEXT("readOnlyRootFilesystem: false"),
        _CONTEXT("readOnlyRootFilesystem: true"),
        each_container(_writable_root),
        "container",
        ("kube-score container-security-context-readonlyrootfilesystem", "CKV_K8S_22"),
    ),
    Rule(
        "shared-processes",
        "Containers of a pod do not share their processes.",
        "One that is broken into reads the other's memory and files.",
        "remove shareProcessNamespace",
        "shareProcessNamespace: true",
        "shareProcessNamespace: false",
        each_pod(_shares_processes),
        "pod",
    ),
    Rule(
        "service-links",
        "Services do not become environment variables.",
        "A Service named like a setting changes it (a Service voice gives VOICE_PORT=tcp://...), and hundreds"
        " of them keep a pod from starting.",
        "enableServiceLinks: false",
        "enableServiceLinks: true",
        "enableServiceLinks: false",
        each_pod(_service_links),
        "pod",
    ),
    Rule(
        "security-context-shape",
        "securityContext is a mapping.",
        "Anything else is refused, or taken as nothing at all.",
        "securityContext: {allowPrivilegeEscalation: false}",
        "securityContext: [runAsNonRoot]",
        _CONTEXT("runAsNonRoot: true"),
        each_container(_broken_context),
    ),
)

"""The Pod Security Standard "restricted", and what goes beyond it: what a pod may do to its node."""

from collections.abc import Iterator, Mapping

from kvx.lint.node import Node
from kvx.lint.objects import Container, Pod
from kvx.lint.rule import Rule, each_container, each_pod

VOLUMES_ALLOWED = frozenset(
    {"configMap", "csi", "downwardAPI", "emptyDir", "ephemeral", "image", "persistentVolumeClaim"}
    | {"projected", "secret"}
)
SAFE_SYSCTLS = frozenset(
    {"kernel.shm_rmid_forced", "net.ipv4.ip_local_port_range", "net.ipv4.ip_unprivileged_port_start"}
    | {"net.ipv4.tcp_syncookies", "net.ipv4.ping_group_range", "net.ipv4.ip_local_reserved_ports"}
    | {"net.ipv4.tcp_keepalive_time", "net.ipv4.tcp_fin_timeout", "net.ipv4.tcp_keepalive_intvl"}
    | {"net.ipv4.tcp_keepalive_probes"}
)
SELINUX_TYPES = frozenset({"", "container_t", "container_init_t", "container_kvm_t", "container_engine_t"})
LEAST_ID = 10_000
PROBES = ("startupProbe", "readinessProbe", "livenessProbe")
Places = Iterator[tuple[Node, str]]
_RESTRICTED = "Pod Security Standard restricted"


def _security(container: Container, key: str) -> Node:
    """What is in force for a container: its own word, or else its pod's."""
    own = container.node.at("securityContext", key)
    return own if own.given else container.pod.spec.at("securityContext", key)


def _own(container: Container, key: str) -> Node:
    return container.node.at("securityContext", key)


def _host_namespaces(pod: Pod) -> Places:
    for key in ("hostNetwork", "hostPID", "hostIPC"):
        if pod.spec.at(key).value is True:
            yield pod.spec.at(key), f"{key} is true"


def _host_path(pod: Pod) -> Places:
    for volume in pod.spec.at("volumes").items:
        if "hostPath" in volume.keys:
            path = volume.at("hostPath", "path").text
            yield volume.at("hostPath"), f"the volume {volume.at('name').text} is {path} of the node"


def _volume_type(pod: Pod) -> Places:
    for volume in pod.spec.at("volumes").items:
        for key in volume.keys:
            if key not in VOLUMES_ALLOWED | {"name", "hostPath"}:
                yield volume.at(key), f"the volume {volume.at('name').text} is of the type {key}"


def _host_port(container: Container) -> Places:
    for port in container.node.at("ports").items:
        if port.at("hostPort").number:
            yield port.at("hostPort"), f"it takes port {port.at('hostPort').number} of the node"


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


def _sysctls(pod: Pod) -> Places:
    for each in pod.spec.at("securityContext", "sysctls").items:
        if each.at("name").text not in SAFE_SYSCTLS:
            yield each, f"it sets {each.at('name').text}, which reaches beyond the pod"


def _modules(security: Node) -> Places:
    if security.at("appArmorProfile", "type").text == "Unconfined":
        yield security.at("appArmorProfile", "type"), "AppArmor is switched off"
    selinux = security.at("seLinuxOptions")
    if selinux.at("type").text not in SELINUX_TYPES:
        yield selinux.at("type"), f"its SELinux type is {selinux.at('type').text}"
    for key in ("user", "role"):
        if selinux.at(key).text:
            yield selinux.at(key), f"its SELinux {key} is {selinux.at(key).text}"


def _pod_modules(pod: Pod) -> Places:
    yield from _modules(pod.spec.at("securityContext"))
    for container in pod.containers:
        yield from _modules(container.node.at("securityContext"))


def _host_process(pod: Pod) -> Places:
    for place in (pod.spec, *(each.node for each in pod.containers)):
        setting = place.at("securityContext", "windowsOptions", "hostProcess")
        if setting.value is True:
            yield setting, "it is a process of the Windows node itself"


def _probe_host(container: Container) -> Places:
    probes = [container.node.at(key) for key in PROBES]
    hooks = [container.node.at("lifecycle", key) for key in ("postStart", "preStop")]
    for each in (*probes, *hooks):
        for kind in ("httpGet", "tcpSocket"):
            if each.at(kind, "host").text:
                yield each.at(kind, "host"), f"the node asks {each.at(kind, 'host').text} on its behalf"


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
        "host-namespaces",
        "A pod has its own network, processes and memory.",
        "With the node's, it sees every packet and process of the node, and network policies do not hold it.",
        "remove hostNetwork, hostPID and hostIPC",
        "hostNetwork: true",
        "hostNetwork: false",
        each_pod(_host_namespaces),
        "pod",
        (_RESTRICTED, "CKV_K8S_17", "CKV_K8S_18", "CKV_K8S_19"),
    ),
    Rule(
        "host-path",
        "No volume is a folder of the node.",
        "Whoever writes to the node's files owns the node, and the data stays behind when the pod moves.",
        "use an emptyDir, a configMap or a persistentVolumeClaim",
        "volumes: [{name: data, hostPath: {path: /}}]",
        "volumes: [{name: data, emptyDir: {sizeLimit: 64Mi}}]",
        each_pod(_host_path),
        "pod",
        (_RESTRICTED,),
    ),
    Rule(
        "volume-type",
        "Volumes are of the types that the restricted standard allows.",
        "Others reach storage with the node's rights, past what the cluster controls.",
        "use a persistentVolumeClaim; its class speaks to the storage",
        "volumes: [{name: data, nfs: {server: files, path: /data}}]",
        "volumes: [{name: data, persistentVolumeClaim: {claimName: data}}]",
        each_pod(_volume_type),
        "pod",
        (_RESTRICTED,),
    ),
    Rule(
        "host-port",
        "No container takes a port of its node.",
        "Two such pods cannot share a node, and the port is open to whoever reaches the node.",
        "remove hostPort and put a Service in front",
        "ports: [{containerPort: 8080, hostPort: 8080}]",
        "ports: [{containerPort: 8080}]",
        each_container(_host_port),
        "container",
        (_RESTRICTED, "CKV_K8S_26"),
    ),
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
        "sysctls",
        "Only sysctls that stay within the pod are set.",
        "Others change the node under all its pods, and most nodes refuse such a pod.",
        "remove it, or set it on the nodes by Ansible",
        "securityContext: {sysctls: [{name: kernel.msgmax, value: '1'}]}",
        "securityContext: {sysctls: [{name: net.ipv4.tcp_syncookies, value: '1'}]}",
        each_pod(_sysctls),
        "pod",
        (_RESTRICTED,),
    ),
    Rule(
        "security-module",
        "AppArmor and SELinux stay as the node has them.",
        "They are the last fence around a container.",
        "remove appArmorProfile and seLinuxOptions",
        "securityContext: {appArmorProfile: {type: Unconfined}}",
        "securityContext: {appArmorProfile: {type: RuntimeDefault}}",
        each_pod(_pod_modules),
        "pod",
        (_RESTRICTED,),
    ),
    Rule(
        "host-process",
        "No container is a process of a Windows node.",
        "It has the node's rights.",
        "remove windowsOptions.hostProcess",
        "securityContext: {windowsOptions: {hostProcess: true}}",
        "securityContext: {windowsOptions: {hostProcess: false}}",
        each_pod(_host_process),
        "pod",
        (_RESTRICTED,),
    ),
    Rule(
        "probe-host",
        "Probes and hooks ask the pod itself.",
        "The node's kubelet asks from the node's network: a pod could have it call what it cannot reach.",
        "remove host from the probe",
        "livenessProbe: {httpGet: {path: /, port: 80, host: 10.0.0.1}}",
        "livenessProbe: {httpGet: {path: /, port: 80}}",
        each_container(_probe_host),
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

"""How far a pod reaches into its node: namespaces, files, ports, kernel."""

from collections.abc import Iterator

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
PROBES = ("startupProbe", "readinessProbe", "livenessProbe")
Places = Iterator[tuple[Node, str]]
_RESTRICTED = "Pod Security Standard restricted"


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
)

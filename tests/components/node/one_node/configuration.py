"""The files that the node's programs read: containerd, its network, the kubelet, kube-proxy."""

import json
from pathlib import Path

from one_node.place import Place

PAUSE = "localhost/pause:tests"
RESOLVER = "resolv.conf"


def write(place: Place) -> None:
    folder = place.folder
    (folder / "network").mkdir()
    (folder / "containerd.toml").write_text(containerd(folder))
    (folder / "network" / "10-pods.conflist").write_text(json.dumps(network(place)))
    (folder / "kubelet.json").write_text(json.dumps(kubelet(place)))
    (folder / "kube-proxy.json").write_text(json.dumps(kube_proxy(place)))
    (folder / RESOLVER).write_text(f"nameserver {place.names_service}\n")


def containerd(folder: Path) -> str:
    """All of it lies in the folder. Without CAP_SYS_RESOURCE nobody may be spared from the killer."""
    return f"""version = 2
root = "{folder}/containerd/root"
state = "{folder}/containerd/state"
disabled_plugins = [
  "io.containerd.internal.v1.opt", "io.containerd.tracing.processor.v1.otlp",
  "io.containerd.snapshotter.v1.aufs", "io.containerd.snapshotter.v1.btrfs",
  "io.containerd.snapshotter.v1.devmapper", "io.containerd.snapshotter.v1.zfs",
]
[grpc]
  address = "{folder}/containerd.sock"
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "{PAUSE}"
  restrict_oom_score_adj = true
  stream_server_address = "127.0.0.1"
  stream_server_port = "0"
  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = "/usr/lib/cni"
    conf_dir = "{folder}/network"
  [plugins."io.containerd.grpc.v1.cri".containerd]
    snapshotter = "overlayfs"
    [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
      runtime_type = "io.containerd.runc.v2"
      [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc.options]
        SystemdCgroup = false
        Root = "{folder}/containerd/runc"
"""


def network(place: Place) -> dict[str, object]:
    """A line of its own for each pod, without a bridge: all that pods say is routed, and so filtered."""
    addresses = {
        "type": "host-local",
        "dataDir": str(place.folder / "addresses"),
        "ranges": [[{"subnet": place.pods}]],
        "routes": [{"dst": "0.0.0.0/0"}],
    }
    return {
        "cniVersion": "1.0.0",
        "name": "pods",
        "plugins": [{"type": "ptp", "ipMasq": False, "mtu": 1500, "ipam": addresses}],
    }


def kubelet(place: Place) -> dict[str, object]:
    folder = place.folder
    return {
        "apiVersion": "kubelet.config.k8s.io/v1beta1",
        "kind": "KubeletConfiguration",
        "address": "0.0.0.0",
        "authentication": {
            "anonymous": {"enabled": False},
            "webhook": {"enabled": True},
            "x509": {"clientCAFile": f"{folder}/credentials/client-ca.crt"},
        },
        "authorization": {"mode": "Webhook"},
        "containerRuntimeEndpoint": f"unix://{place.containerd}",
        "cgroupDriver": "cgroupfs",
        "cgroupRoot": f"/{place.name}",
        "failSwapOn": False,
        "failCgroupV1": False,
        "resolvConf": f"{folder}/{RESOLVER}",
        "clusterDomain": "cluster.local",
        "clusterDNS": [place.names_service],
        "podLogsDir": f"{folder}/logs/pods",
        "volumePluginDir": f"{folder}/volume-plugins",
        # Tests fill disks and memory of their own; this node is never short of either.
        "imageGCHighThresholdPercent": 100,
        "evictionHard": {
            "memory.available": "100Mi",
            **dict.fromkeys(("nodefs.available", "imagefs.available", "nodefs.inodesFree"), "1%"),
        },
        "nodeStatusUpdateFrequency": "5s",
        "syncFrequency": "10s",
        "serializeImagePulls": False,
    }


def kube_proxy(place: Place) -> dict[str, object]:
    """The machine's table of connections keeps its size."""
    return {
        "apiVersion": "kubeproxy.config.k8s.io/v1alpha1",
        "kind": "KubeProxyConfiguration",
        "bindAddress": "0.0.0.0",
        "clientConnection": {
            "kubeconfig": str(place.folder / "credentials" / "system-kube-proxy.kubeconfig")
        },
        "clusterCIDR": place.pods,
        "mode": "iptables",
        "hostnameOverride": place.name,
        "conntrack": {
            "maxPerCore": 0,
            "min": 0,
            "tcpEstablishedTimeout": "0s",
            "tcpCloseWaitTimeout": "0s",
        },
        "iptables": {"minSyncPeriod": "0s", "syncPeriod": "10s"},
    }

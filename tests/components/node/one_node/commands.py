"""The command line of each program of the cluster."""

from pathlib import Path

from one_node.place import API_PORT, METRICS_PORT, Place

ETCD = "http://127.0.0.1:2379"
ETCD_PEERS = "http://127.0.0.1:2380"


def etcd(place: Place) -> list[str]:
    return [
        *("etcd", "--data-dir", str(place.folder / "etcd"), "--unsafe-no-fsync"),
        *("--listen-client-urls", ETCD, "--advertise-client-urls", ETCD),
        *("--listen-peer-urls", ETCD_PEERS, "--initial-advertise-peer-urls", ETCD_PEERS),
        *("--initial-cluster", f"default={ETCD_PEERS}"),
    ]


def containerd(place: Place) -> list[str]:
    return ["containerd", "--config", str(place.folder / "containerd.toml")]


def kube_apiserver(place: Place, programs: Path) -> list[str]:
    secrets = place.folder / "credentials"
    return [
        str(programs / "kube-apiserver"),
        f"--etcd-servers={ETCD}",
        "--bind-address=0.0.0.0",
        f"--secure-port={API_PORT}",
        f"--advertise-address={place.address}",
        f"--cert-dir={place.folder}/certificates",
        f"--service-cluster-ip-range={place.services}",
        "--authorization-mode=Node,RBAC",
        "--enable-admission-plugins=NodeRestriction",
        f"--token-auth-file={secrets}/tokens.csv",
        f"--client-ca-file={secrets}/client-ca.crt",
        f"--service-account-key-file={secrets}/accounts.key",
        f"--service-account-signing-key-file={secrets}/accounts.key",
        "--service-account-issuer=https://kubernetes.default.svc.cluster.local",
        f"--kubelet-client-certificate={secrets}/kubelet-client.crt",
        f"--kubelet-client-key={secrets}/kubelet-client.key",
        "--kubelet-preferred-address-types=InternalIP",
        "--enable-aggregator-routing=true",
        f"--requestheader-client-ca-file={secrets}/front-ca.crt",
        "--requestheader-allowed-names=front-proxy-client",
        "--requestheader-username-headers=X-Remote-User",
        "--requestheader-group-headers=X-Remote-Group",
        "--requestheader-extra-headers-prefix=X-Remote-Extra-",
        f"--proxy-client-cert-file={secrets}/front.crt",
        f"--proxy-client-key-file={secrets}/front.key",
        f"--audit-policy-file={place.folder}/audit.yaml",
        f"--audit-log-path={place.folder}/logs/audit.log",
    ]


def kube_controller_manager(place: Place, programs: Path) -> list[str]:
    """The autoscaler looks every five seconds, and counts a new pod soon: tests need not wait for minutes."""
    secrets = place.folder / "credentials"
    own = str(secrets / "system-kube-controller-manager.kubeconfig")
    return [
        str(programs / "kube-controller-manager"),
        *_trusted(own),
        f"--cert-dir={place.folder}/controllers",
        f"--service-account-private-key-file={secrets}/accounts.key",
        f"--root-ca-file={place.folder}/certificates/apiserver.crt",
        f"--cluster-signing-cert-file={secrets}/client-ca.crt",
        f"--cluster-signing-key-file={secrets}/client-ca.key",
        "--use-service-account-credentials=true",
        "--horizontal-pod-autoscaler-sync-period=5s",
        "--horizontal-pod-autoscaler-cpu-initialization-period=10s",
        "--horizontal-pod-autoscaler-initial-readiness-delay=5s",
    ]


def kube_scheduler(place: Place, programs: Path) -> list[str]:
    own = str(place.folder / "credentials" / "system-kube-scheduler.kubeconfig")
    return [str(programs / "kube-scheduler"), *_trusted(own), f"--cert-dir={place.folder}/scheduler"]


def kubelet(place: Place, programs: Path) -> list[str]:
    folder = place.folder
    return [
        str(programs / "kubelet"),
        f"--config={folder}/kubelet.json",
        f"--kubeconfig={folder}/credentials/system-node-{place.name}.kubeconfig",
        f"--hostname-override={place.name}",
        f"--node-ip={place.address}",
        f"--root-dir={folder}/kubelet",
        f"--cert-dir={folder}/kubelet/certificates",
    ]


def kube_proxy(place: Place, programs: Path) -> list[str]:
    return [str(programs / "kube-proxy"), f"--config={place.folder}/kube-proxy.json"]


def metrics_server(place: Place, programs: Path) -> list[str]:
    """It gives up where its rights, which were made just before, are not known yet: then it begins again."""
    own = str(place.folder / "credentials" / "system-metrics-server.kubeconfig")
    return [
        *("sh", "-c", 'until "$@"; do sleep 0.5; done', "again"),
        str(programs / "metrics-server"),
        *(f"--{kind}kubeconfig={own}" for kind in ("", "authentication-", "authorization-")),
        f"--secure-port={METRICS_PORT}",
        f"--cert-dir={place.folder}/metrics",
        "--kubelet-insecure-tls",
        "--kubelet-use-node-status-port",
        "--kubelet-preferred-address-types=InternalIP",
        "--metric-resolution=10s",
        "--kubelet-request-timeout=8s",
    ]


def recommender(place: Place, programs: Path) -> list[str]:
    return [
        str(programs / "recommender"),
        f"--kubeconfig={place.folder}/credentials/system-vpa-recommender.kubeconfig",
        "--recommender-interval=5s",
        "--address=127.0.0.1:8942",
    ]


def policies(place: Place, programs: Path) -> list[str]:
    own = str(place.folder / "credentials" / "system-policy-enforcer.kubeconfig")
    return [str(programs / "policies"), f"--kubeconfig={own}"]


def _trusted(own: str) -> tuple[str, ...]:
    files = (f"--{kind}kubeconfig={own}" for kind in ("", "authentication-", "authorization-"))
    return (*files, "--bind-address=127.0.0.1", "--leader-elect=false")

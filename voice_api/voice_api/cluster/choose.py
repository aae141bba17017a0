"""Chooses the cluster that is asked: the user's own if there is one, else the demo cluster."""

import os
from dataclasses import dataclass
from pathlib import Path

from voice_api.cluster.demo import DemoCluster
from voice_api.cluster.protocol import Cluster
from voice_api.errors import VoiceApiError

SERVICE_ACCOUNT = Path("/var/run/secrets/kubernetes.io/serviceaccount")


@dataclass(frozen=True, slots=True)
class ClusterChoice:
    """Where to look, in this order; None and "" mean: not given.

    kubeconfig              the setting of voice-api
    environment_kubeconfig  KUBECONFIG, one or more files as kubectl takes it
    home_kubeconfig         usually ~/.kube/config; used only if it is there
    service_account         where a pod finds its own token
    demo                    true: the demo cluster, whatever else is given
    """

    kubeconfig: Path | None = None
    environment_kubeconfig: str | None = None
    home_kubeconfig: Path | None = None
    service_account: Path = SERVICE_ACCOUNT
    demo: bool = False


def choose_cluster(choice: ClusterChoice) -> Cluster:
    """The first cluster that `choice` leads to; does not connect yet.

    VoiceApiError when a kubeconfig was named and is missing or broken: then the demo would be a surprise.
    """
    if choice.demo:
        return DemoCluster()
    files = _kubeconfig_files(choice)
    if files:
        # The Kubernetes client is heavy: 0.6 s and 40 MB that the demo cluster shall not cost.
        from voice_api.cluster.kubernetes import cluster_from_kubeconfig  # noqa: PLC0415

        return cluster_from_kubeconfig(files)
    if (choice.service_account / "token").is_file():
        from voice_api.cluster.kubernetes import cluster_from_service_account  # noqa: PLC0415

        return cluster_from_service_account(choice.service_account)
    return DemoCluster()


def _kubeconfig_files(choice: ClusterChoice) -> tuple[Path, ...]:
    if choice.kubeconfig is not None:
        return _existing((choice.kubeconfig,), "The kubeconfig setting")
    named = [Path(name) for name in (choice.environment_kubeconfig or "").split(os.pathsep) if name]
    if named:
        return _existing(tuple(named), "KUBECONFIG")
    if choice.home_kubeconfig is not None and choice.home_kubeconfig.is_file():
        return (choice.home_kubeconfig,)
    return ()


def _existing(files: tuple[Path, ...], source: str) -> tuple[Path, ...]:
    found = tuple(path for path in (file.expanduser() for file in files) if path.is_file())
    if not found:
        raise VoiceApiError(
            "kubeconfig_missing",
            f"{source} names {', '.join(map(str, files))}, and there is no such file.",
            "Write the kubeconfig there, name another file, or name none to use the demo cluster.",
            status=500,
        )
    return found

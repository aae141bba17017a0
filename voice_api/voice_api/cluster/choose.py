"""Chooses the cluster that is asked: the user's own if there is one, else the demo cluster."""

import os
from dataclasses import dataclass
from pathlib import Path

from voice_api.cluster.demo import DemoCluster
from voice_api.cluster.protocol import Cluster
from voice_api.errors import VoiceApiError

DEMO = "none"
SERVICE_ACCOUNT = Path("/var/run/secrets/kubernetes.io/serviceaccount")


@dataclass(frozen=True, slots=True)
class ClusterChoice:
    """Where to look for a cluster, in this order; what is empty is not given.

    kubeconfig              the setting of voice-api: files as in KUBECONFIG, or "none" for the demo
    environment_kubeconfig  the value of KUBECONFIG: one or more files, separated as in PATH
    home_kubeconfig         usually ~/.kube/config; used only if it is there
    service_account         the folder in which a pod finds its own token
    context                 its name in the kubeconfig, instead of the current one
    """

    kubeconfig: str = ""
    environment_kubeconfig: str = ""
    home_kubeconfig: Path | None = None
    service_account: Path = SERVICE_ACCOUNT
    context: str = ""


def choose_cluster(choice: ClusterChoice) -> Cluster:
    """The first cluster that `choice` leads to, else the demo cluster; does not connect yet.

    VoiceApiError when a kubeconfig was named and is missing or broken: the demo would be a surprise.
    """
    if choice.kubeconfig == DEMO:
        return DemoCluster()
    files = _kubeconfig_files(choice)
    if files:
        # The Kubernetes client is heavy: 0.6 s and 40 MB that the demo cluster shall not cost.
        from voice_api.cluster.kubernetes import cluster_from_kubeconfig  # noqa: PLC0415

        return cluster_from_kubeconfig(files, choice.context or None)
    if (choice.service_account / "token").is_file():
        from voice_api.cluster.kubernetes import cluster_from_service_account  # noqa: PLC0415

        return cluster_from_service_account(choice.service_account)
    return DemoCluster()


def _kubeconfig_files(choice: ClusterChoice) -> tuple[Path, ...]:
    if choice.kubeconfig:
        return _existing(choice.kubeconfig, "The setting kubeconfig")
    if choice.environment_kubeconfig:
        return _existing(choice.environment_kubeconfig, "KUBECONFIG")
    if choice.home_kubeconfig is not None and choice.home_kubeconfig.is_file():
        return (choice.home_kubeconfig,)
    return ()


def _existing(named: str, source: str) -> tuple[Path, ...]:
    """The files that are there; as with kubectl some may be missing, but not all."""
    files = [Path(name).expanduser() for name in named.split(os.pathsep) if name]
    found = tuple(file for file in files if file.is_file())
    if not found:
        raise VoiceApiError(
            "kubeconfig_missing",
            f"{source} is {named}, and there is no such file.",
            'Write the kubeconfig there, name another file, or say "none" to use the demo cluster.',
            status=500,
        )
    return found

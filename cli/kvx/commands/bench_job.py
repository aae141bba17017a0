"""A measurement as a Kubernetes Job: one pod that prints its report and is gone."""

from collections.abc import Sequence
from dataclasses import dataclass

NAME = "kvx-bench-voice"
DEADLINE_SECONDS = 1_800
KEPT_SECONDS = 3_600
USER = 65_532
"""No user of any distribution; the images of kvx run as it."""

WORK_SIZE = "2Gi"


@dataclass(frozen=True, slots=True)
class Room:
    """What the pod may use, as Kubernetes writes it; arm64 keeps it to such nodes."""

    memory: str
    cpu: str
    arm64: bool


def job(image: str, arguments: Sequence[str], room: Room) -> dict[str, object]:
    """The manifest; its pod meets the pod security standard "restricted"."""
    labels = {"app.kubernetes.io/name": NAME, "app.kubernetes.io/managed-by": "kvx"}
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {"name": NAME, "labels": labels},
        "spec": {
            "backoffLimit": 0,
            "activeDeadlineSeconds": DEADLINE_SECONDS,
            "ttlSecondsAfterFinished": KEPT_SECONDS,
            "template": {"metadata": {"labels": labels}, "spec": _pod(image, arguments, room)},
        },
    }


def _pod(image: str, arguments: Sequence[str], room: Room) -> dict[str, object]:
    chosen = {"nodeSelector": {"kubernetes.io/arch": "arm64"}} if room.arm64 else {}
    return {
        "restartPolicy": "Never",
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
        **chosen,
        "securityContext": {
            "runAsNonRoot": True,
            "runAsUser": USER,
            "runAsGroup": USER,
            "fsGroup": USER,
            "seccompProfile": {"type": "RuntimeDefault"},
        },
        "containers": [_container(image, arguments, room)],
        "volumes": [{"name": "work", "emptyDir": {"sizeLimit": WORK_SIZE}}],
    }


def _container(image: str, arguments: Sequence[str], room: Room) -> dict[str, object]:
    """Asked for and allowed the same, so that the figures are those of a pod of this size."""
    resources = {"memory": room.memory, "cpu": room.cpu}
    return {
        "name": "bench",
        "image": image,
        "command": ["voice-api", "bench", *arguments],
        "env": [{"name": "HOME", "value": "/tmp"}],  # noqa: S108  # the pod's own volume
        "resources": {"requests": resources, "limits": resources},
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        },
        "volumeMounts": [{"name": "work", "mountPath": "/tmp"}],  # noqa: S108
    }

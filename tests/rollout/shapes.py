"""Deployments, pods and events as a Kubernetes 1.34 API server shows them, shortened to what is read."""

from typing import Any

IMAGE = "registry.example/kvx/voice-api@sha256:" + "a" * 64
NEW, OLD = "uid-new", "uid-old"


def deployment(
    *, replicas: int = 2, updated: int = 0, available: int = 2, total: int = 2, seen: int = 2, **more: Any
) -> dict[str, Any]:
    """At generation 2; its second ReplicaSet is the new one."""
    status = {
        "observedGeneration": seen,
        "replicas": total,
        "updatedReplicas": updated,
        "availableReplicas": available,
        "conditions": more.pop("conditions", []),
    }
    revision = {"deployment.kubernetes.io/revision": "2"}
    about = {"name": "voice-api", "uid": "uid-deployment", "generation": 2, "annotations": revision}
    return {"metadata": about, "spec": {"replicas": replicas}, "status": status}


def replica_set(revision: int = 2, replicas: int = 1, created: int = 1, **status: Any) -> dict[str, Any]:
    return {
        "metadata": {
            "name": f"voice-api-{revision}",
            "uid": NEW if revision == 2 else OLD,
            "annotations": {"deployment.kubernetes.io/revision": str(revision)},
            "ownerReferences": [{"kind": "Deployment", "uid": "uid-deployment", "controller": True}],
        },
        "spec": {"replicas": replicas},
        "status": {"replicas": created, **status},
    }


def pod(
    name: str = "voice-api-2-x",
    *,
    owner: str = NEW,
    node: str | None = "n1",
    ready: bool = False,
    **status: Any,
) -> dict[str, Any]:
    """A pod with one container; `waiting`, `running`, `terminated`, `last` are the container's states."""
    container: dict[str, Any] = {
        "name": "voice-api",
        "image": IMAGE,
        "ready": ready,
        "restartCount": status.pop("restarts", 0),
        "state": {key: status.pop(key) for key in ("waiting", "running", "terminated") if key in status},
        "lastState": {"terminated": status.pop("last")} if "last" in status else {},
    }
    conditions = [
        {"type": "Ready", "status": "True" if ready else "False"},
        *status.pop("conditions", [{"type": "PodScheduled", "status": "True"}]),
    ]
    about = {
        "name": name,
        "uid": f"uid-{name}",
        "ownerReferences": [{"kind": "ReplicaSet", "uid": owner, "controller": True}],
    }
    if status.pop("leaving", False):
        about["deletionTimestamp"] = "2026-11-21T18:00:00Z"
    return {
        "metadata": about,
        "spec": {"nodeName": node} if node else {},
        "status": {"phase": "Pending", "conditions": conditions, "containerStatuses": [container], **status},
    }


def event(of: dict[str, Any], reason: str, message: str, at: str = "2026-11-21T18:00:00Z") -> dict[str, Any]:
    about = of["metadata"]
    return {
        "metadata": {"name": f"{about['name']}.{reason}", "creationTimestamp": at},
        "involvedObject": {"name": about["name"], "uid": about["uid"]},
        "reason": reason,
        "message": message,
        "lastTimestamp": at,
    }

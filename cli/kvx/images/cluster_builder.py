"""The builder in the cluster: BuildKit as a rootless pod, in a namespace that lets only such a pod be."""

from typing import Any

WORD = "kubernetes"
NAME = "kvx-kubernetes"
NAMESPACE = "kvx-builder"
WHY_NOT = f"kubectl describe pods --namespace {NAMESPACE}"
"""Where its pod does not come up, the cluster's events say the reason; buildx only that it waited."""
_LABELS = {"app.kubernetes.io/part-of": "kvx", "app.kubernetes.io/managed-by": "kvx"}
# BuildKit without root makes namespaces of its own, which the usual filter of system calls refuses: baseline
# and restricted leave no room for that, so it must not stand beside what serves.
_STANDARD = {f"pod-security.kubernetes.io/{mode}": "privileged" for mode in ("enforce", "audit", "warn")}
OBJECTS: tuple[dict[str, Any], ...] = (
    {
        "apiVersion": "v1",
        "kind": "Namespace",
        "metadata": {"name": NAMESPACE, "labels": {**_LABELS, **_STANDARD}},
    },
    {
        "apiVersion": "v1",
        "kind": "ServiceAccount",
        "metadata": {"name": "builder", "namespace": NAMESPACE, "labels": _LABELS},
        "automountServiceAccountToken": False,
    },
    {
        # buildx comes in by the API server; nobody else has to.
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": {"name": "nobody-comes-in", "namespace": NAMESPACE, "labels": _LABELS},
        "spec": {"podSelector": {}, "policyTypes": ["Ingress"]},
    },
)


def options(image: str | None) -> tuple[str, ...]:
    """What buildx is told of the pod; without an image it takes BuildKit's own for rootless pods."""
    bounds = {"requests.cpu": "250m", "requests.memory": "512Mi", "limits.cpu": "2", "limits.memory": "2Gi"}
    told = {
        "namespace": NAMESPACE,
        "rootless": "true",
        "serviceaccount": "builder",
        "timeout": "5m",  # a node that has no BuildKit yet pulls 100 MB before its pod begins
        **bounds,
        **({"image": image} if image else {}),
    }
    return tuple(f"--driver-opt={name}={value}" for name, value in told.items())

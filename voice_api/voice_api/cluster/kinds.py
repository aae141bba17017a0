"""The kinds of objects that can be asked for, and where an API server keeps them; Secrets are not."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from urllib.parse import quote


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind.

    group  the path of its API, such as /apis/apps/v1
    """

    name: str
    group: str
    plural: str
    namespaced: bool = True

    def path(self, namespace: str | None = None, name: str | None = None) -> str:
        """Of the list in a namespace (or everywhere), or of one object."""
        home = f"/namespaces/{quote(namespace, safe='')}" if self.namespaced and namespace else ""
        return f"{self.group}{home}/{self.plural}" + (f"/{quote(name, safe='')}" if name else "")


_CORE, _APPS, _BATCH = "/api/v1", "/apis/apps/v1", "/apis/batch/v1"
KINDS: Mapping[str, Kind] = MappingProxyType(
    {
        each.name: each
        for each in (
            Kind("namespace", _CORE, "namespaces", namespaced=False),
            Kind("node", _CORE, "nodes", namespaced=False),
            Kind("pod", _CORE, "pods"),
            Kind("service", _CORE, "services"),
            Kind("event", _CORE, "events"),
            Kind("deployment", _APPS, "deployments"),
            Kind("statefulset", _APPS, "statefulsets"),
            Kind("daemonset", _APPS, "daemonsets"),
            Kind("replicaset", _APPS, "replicasets"),
            Kind("controllerrevision", _APPS, "controllerrevisions"),
            Kind("job", _BATCH, "jobs"),
            Kind("cronjob", _BATCH, "cronjobs"),
        )
    }
)
READ_ALONE: Mapping[str, Kind] = MappingProxyType({"configmap": Kind("configmap", _CORE, "configmaps")})
"""Kinds of which single objects are read by names that kvx gave them, and never a list."""
MEASURES: Mapping[str, Kind] = MappingProxyType(
    {
        "pods": Kind("pod measures", "/apis/metrics.k8s.io/v1beta1", "pods"),
        "nodes": Kind("node measures", "/apis/metrics.k8s.io/v1beta1", "nodes", namespaced=False),
    }
)
NAMED = ("namespace", "node", "deployment", "statefulset", "daemonset", "pod", "job", "service")
"""The kinds whose objects are spoken of by name."""

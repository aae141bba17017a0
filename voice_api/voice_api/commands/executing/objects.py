"""Where objects live in the API of Kubernetes, and what a question about one is bound to."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias
from urllib.parse import quote

from voice_api.cluster.reviews import Attempt
from voice_api.commands.confirmation.pending import Target

Object: TypeAlias = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Place:
    """One object, by its kind, its namespace (empty where it has none) and its name."""

    kind: str
    namespace: str
    name: str

    @property
    def path(self) -> str:
        group, resource = RESOURCES[self.kind]
        root = f"/apis/{group}/v1" if group else "/api/v1"
        inside = f"/namespaces/{quote(self.namespace, safe='')}" if self.namespace else ""
        return f"{root}{inside}/{resource}/{quote(self.name, safe='')}"

    @property
    def beside(self) -> str:
        """The path of the group's objects in this namespace, without any kind."""
        return self.path.rpartition("/")[0].rpartition("/")[0]

    @property
    def said(self) -> str:
        """ "deployment web in shop", "node edge-1"."""
        where = f" in {self.namespace}" if self.namespace else ""
        return f"{SPOKEN.get(self.kind, self.kind)} {self.name}{where}"

    def attempt(self, verb: str, subresource: str = "") -> Attempt:
        group, resource = RESOURCES[self.kind]
        return Attempt(verb, group, resource, self.name, self.namespace, subresource)


RESOURCES = {
    "deployment": ("apps", "deployments"),
    "statefulset": ("apps", "statefulsets"),
    "daemonset": ("apps", "daemonsets"),
    "job": ("batch", "jobs"),
    "pod": ("", "pods"),
    "node": ("", "nodes"),
}
SPOKEN = {"statefulset": "stateful set", "daemonset": "daemon set"}


def target_of(place: Place, found: Object) -> Target:
    """The object as it is now; a kind without generations is 0 in all of them."""
    metadata = found["metadata"]
    return Target(
        place.kind,
        place.namespace,
        place.name,
        str(metadata["uid"]),
        int(metadata.get("generation", 0)),
        str(metadata["resourceVersion"]),
    )


def held(found: Object) -> dict[str, str]:
    """What makes a patch fail with 409 unless it meets the very object that was looked at."""
    metadata = found["metadata"]
    return {"uid": metadata["uid"], "resourceVersion": metadata["resourceVersion"]}


def replicas_of(found: Object) -> int | None:
    """How many are wanted; None for what has no replicas."""
    spec = found.get("spec") or {}
    if "template" not in spec or "selector" not in spec or found.get("kind") == "DaemonSet":
        return None
    return int(spec.get("replicas", 1))

"""What an argument is, beyond its type: a live name of some kind, or a version; told by its annotation."""

from dataclasses import dataclass
from typing import Annotated, Literal, TypeAlias

from pydantic import Field

WORKLOADS = ("deployment", "statefulset", "daemonset")


@dataclass(frozen=True, slots=True)
class LiveName:
    """The name of an object of one of these kinds, which the resolver has to find in the cluster."""

    kinds: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class VersionText:
    """A version as people say it: "one point twenty five" is 1.25."""


Counted: TypeAlias = Literal["pods", "nodes", "namespaces", "deployments"]
Listed: TypeAlias = Literal["pods", "nodes", "namespaces", "services", "jobs", "cron_jobs", "stateful_sets",
                            "daemon_sets", "contexts"]  # fmt: skip
Measured: TypeAlias = Literal["pods", "nodes"]

# What Kubernetes lets objects be called, and what kubeconfigs call contexts: nothing that could be an option,
# a path upwards or a second command, whoever proposed it.
OBJECT_NAME = Field(pattern=r"\A[a-z0-9]([-.a-z0-9]{0,251}[a-z0-9])?\z")
CONTEXT_NAME = Field(pattern=r"\A[A-Za-z0-9][A-Za-z0-9@:/._-]{0,252}\z")

NamespaceName: TypeAlias = Annotated[str, OBJECT_NAME, LiveName(("namespace",))]
NodeName: TypeAlias = Annotated[str, OBJECT_NAME, LiveName(("node",))]
ContextName: TypeAlias = Annotated[str, CONTEXT_NAME, LiveName(("context",))]
WorkloadName: TypeAlias = Annotated[str, OBJECT_NAME, LiveName(WORKLOADS)]
DeploymentName: TypeAlias = Annotated[str, OBJECT_NAME, LiveName(("deployment",))]
PodName: TypeAlias = Annotated[str, OBJECT_NAME, LiveName(("pod",))]
JobName: TypeAlias = Annotated[str, OBJECT_NAME, LiveName(("job",))]
AnyName: TypeAlias = Annotated[str, OBJECT_NAME, LiveName((*WORKLOADS, "node", "pod", "job", "service"))]
Version: TypeAlias = Annotated[str, VersionText(), Field(pattern=r"\A[A-Za-z0-9_][A-Za-z0-9._-]{0,127}\z")]
ReplicaCount: TypeAlias = Annotated[int, Field(ge=0, le=1_000)]
ReplicaChange: TypeAlias = Annotated[int, Field(ge=-1_000, le=1_000)]
Percent: TypeAlias = Annotated[int, Field(ge=0, le=1_000)]
LineCount: TypeAlias = Annotated[int, Field(ge=1, le=1_000)]
Revision: TypeAlias = Annotated[int, Field(ge=1, le=1_000_000)]

"""Functions that only look: at objects, at what is wrong with them, and at what they cost."""

from voice_api.commands.level import Level
from voice_api.commands.registry.declaring import Arguments, Registry
from voice_api.commands.registry.kinds import (
    AnyName,
    Counted,
    LineCount,
    Listed,
    Measured,
    NamespaceName,
    WorkloadName,
)

LOOKING = Registry()
_looks = LOOKING.function


@_looks(Level.READ_ONLY, "{outcome}")
class Count(Arguments):
    """Say how many pods, nodes, namespaces or deployments there are."""

    kind: Counted
    namespace: NamespaceName | None = None


@_looks(Level.READ_ONLY, "{outcome}")
class UnreadyPods(Arguments):
    """Name the pods that are not ready, and why."""

    namespace: NamespaceName | None = None


@_looks(Level.READ_ONLY, "{outcome}")
class ListDeployments(Arguments):
    """Name the deployments and how many of their pods are ready."""

    namespace: NamespaceName | None = None


@_looks(Level.READ_ONLY, "{outcome}")
class ListObjects(Arguments):
    """Name the objects of one kind."""

    kind: Listed
    namespace: NamespaceName | None = None


@_looks(Level.READ_ONLY, "{outcome}")
class Describe(Arguments):
    """Say what one object is and how it is."""

    name: AnyName
    namespace: NamespaceName | None = None


@_looks(Level.READ_ONLY, "{outcome}")
class WhatIsWrong(Arguments):
    """Say why one object is not as it should be."""

    name: AnyName
    namespace: NamespaceName | None = None


@_looks(Level.READ_ONLY, "{outcome}")
class Logs(Arguments):
    """Say what the last lines of the log tell."""

    name: WorkloadName
    namespace: NamespaceName | None = None
    lines: LineCount | None = None


@_looks(Level.READ_ONLY, "{outcome}")
class Events(Arguments):
    """Say what happened lately, to one object or in a namespace."""

    name: AnyName | None = None
    namespace: NamespaceName | None = None


@_looks(Level.READ_ONLY, "{outcome}")
class SummariseLogs(Arguments):
    """Sum up in a sentence or two what the last lines of the log tell."""

    name: WorkloadName
    namespace: NamespaceName | None = None


@_looks(Level.READ_ONLY, "{outcome}")
class SummariseEvents(Arguments):
    """Sum up in a sentence or two what happened lately."""

    name: AnyName | None = None
    namespace: NamespaceName | None = None


@_looks(Level.READ_ONLY, "{outcome}")
class Top(Arguments):
    """Say which pods or nodes use the most processor and memory."""

    kind: Measured
    namespace: NamespaceName | None = None


@_looks(Level.READ_ONLY, "{outcome}")
class Restarts(Arguments):
    """Say which pods were restarted, and how often."""

    name: WorkloadName | None = None
    namespace: NamespaceName | None = None


@_looks(Level.READ_ONLY, "{outcome}")
class Images(Arguments):
    """Say which images and versions run."""

    name: WorkloadName | None = None
    namespace: NamespaceName | None = None


@_looks(Level.READ_ONLY, "{outcome}")
class RolloutStatus(Arguments):
    """Say how far the rollout of a workload is."""

    name: WorkloadName
    namespace: NamespaceName | None = None


@_looks(Level.READ_ONLY, "{outcome}")
class RolloutHistory(Arguments):
    """Say which revisions of a workload there were."""

    name: WorkloadName
    namespace: NamespaceName | None = None


@_looks(Level.READ_ONLY, "{outcome}")
class Cost(Arguments):
    """Say what the cluster costs a month."""


@_looks(Level.READ_ONLY, "{outcome}")
class Budget(Arguments):
    """Say what is left of the budget for cloud speech."""

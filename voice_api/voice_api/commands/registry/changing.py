"""Functions that change a cluster: declarations only; nothing here or near it can carry one out."""

from voice_api.commands.level import Level
from voice_api.commands.registry.declaring import Arguments, Confirmation, Registry
from voice_api.commands.registry.kinds import (
    DeploymentName,
    JobName,
    NamespaceName,
    NodeName,
    Percent,
    PodName,
    ReplicaChange,
    ReplicaCount,
    Revision,
    Version,
    WorkloadName,
)

CHANGING = Registry()
_changes = CHANGING.function
_STRONG = Confirmation.NAME_OR_CODE


@_changes(Level.WRITE_SAFE, "{name}{where} goes from {before} to {replicas} replicas: {outcome}.")
class Scale(Arguments):
    """Set how many replicas a workload has."""

    name: WorkloadName
    replicas: ReplicaCount
    namespace: NamespaceName | None = None


@_changes(Level.WRITE_SAFE, "{name}{where} goes from {before} to {after} replicas: {outcome}.")
class ScaleBy(Arguments):
    """Add replicas to a workload, or take some away with a negative number."""

    name: WorkloadName
    change: ReplicaChange
    namespace: NamespaceName | None = None


@_changes(Level.WRITE_SAFE, "{name}{where} goes from {before} to {after} replicas: {outcome}.")
class ScaleTimes(Arguments):
    """Multiply the replicas of a workload by so many percent: double is 200, half is 50."""

    name: WorkloadName
    percent: Percent
    namespace: NamespaceName | None = None


@_changes(Level.WRITE_SAFE, "{name}{where} is restarted: {outcome}.")
class Restart(Arguments):
    """Restart the pods of a workload, one after the other."""

    name: WorkloadName
    namespace: NamespaceName | None = None


@_changes(Level.WRITE_SAFE, "The rollout of {name}{where} is paused.")
class PauseRollout(Arguments):
    """Stop a rollout where it is."""

    name: DeploymentName
    namespace: NamespaceName | None = None


@_changes(Level.WRITE_SAFE, "The rollout of {name}{where} goes on.")
class ResumeRollout(Arguments):
    """Let a rollout go on that was paused."""

    name: DeploymentName
    namespace: NamespaceName | None = None


@_changes(Level.WRITE_SAFE, "{name}{where} goes back to revision {after}: {outcome}.")
class UndoRollout(Arguments):
    """Go back to the revision before, or to the one that is named."""

    name: WorkloadName
    namespace: NamespaceName | None = None
    revision: Revision | None = None


@_changes(Level.WRITE_SAFE, "{name}{where} goes from {before} to {version}: {outcome}.")
class SetVersion(Arguments):
    """Run another version of the image that a workload has."""

    name: WorkloadName
    version: Version
    namespace: NamespaceName | None = None


@_changes(Level.WRITE_SAFE, "{node} takes no new pods.")
class Cordon(Arguments):
    """Let a node take no new pods."""

    node: NodeName


@_changes(Level.WRITE_SAFE, "{node} takes pods again.")
class Uncordon(Arguments):
    """Let a node take pods again."""

    node: NodeName


@_changes(Level.DESTRUCTIVE, "{node} is emptied: {outcome}.", confirmation=_STRONG)
class Drain(Arguments):
    """Let a node take no new pods, and move those away that are on it."""

    node: NodeName


@_changes(Level.DESTRUCTIVE, "The pod {name}{where} is deleted: {outcome}.", confirmation=_STRONG)
class DeletePod(Arguments):
    """Delete one pod."""

    name: PodName
    namespace: NamespaceName | None = None


@_changes(Level.DESTRUCTIVE, "The deployment {name}{where} is deleted.", confirmation=_STRONG)
class DeleteDeployment(Arguments):
    """Delete a deployment and all its pods."""

    name: DeploymentName
    namespace: NamespaceName | None = None


@_changes(Level.DESTRUCTIVE, "The job {name}{where} is deleted.", confirmation=_STRONG)
class DeleteJob(Arguments):
    """Delete a job and all its pods."""

    name: JobName
    namespace: NamespaceName | None = None


@_changes(Level.WRITE_SAFE, "{outcome}")
class UndoThat(Arguments):
    """Take the last change back, by a change that is asked about like any other."""

"""What acts: each kind of step is observed and performed by the driver of its kind."""

from kvx.drivers import care_steps, cluster_steps, image_steps, machine_steps, node_steps, service_steps
from kvx.plan import Step
from kvx.steps.images import ImageStep
from kvx.steps.machines import MachineStep
from kvx.steps.manifests import ManifestStep
from kvx.steps.node_care import CareStep
from kvx.steps.nodes import NodeStep
from kvx.steps.releases import ReleaseStep
from kvx.world import Outcome, World


def is_done(step: Step, world: World) -> bool:
    """Whether the world is already as the step would leave it; a step that only looks never is."""
    if isinstance(step, MachineStep):
        return machine_steps.is_done(step, world)
    if isinstance(step, NodeStep | CareStep):
        return False  # AwaitNodes only looks; whether the others are done, their playbooks tell
    if isinstance(step, ImageStep):
        return image_steps.is_done(step, world)
    if isinstance(step, ManifestStep | ReleaseStep):
        return cluster_steps.is_done(step, world)
    return service_steps.is_done(step, world)


def perform(step: Step, world: World) -> Outcome:
    """Bring about what the step says; raises KvxError when that fails."""
    if isinstance(step, MachineStep):
        return machine_steps.perform(step, world)
    if isinstance(step, NodeStep):
        return node_steps.perform(step, world)
    if isinstance(step, CareStep):
        return care_steps.perform(step, world)
    if isinstance(step, ImageStep):
        return image_steps.perform(step, world)
    if isinstance(step, ManifestStep | ReleaseStep):
        return cluster_steps.perform(step, world)
    return service_steps.perform(step, world)

"""The steps that look after a cluster, and their driver, imported when one is needed."""

from kvx.steps.node_care import CareStep
from kvx.world import Outcome, World


def perform(step: CareStep, world: World) -> Outcome:
    """Bring about what the step says; raises KvxError when that fails."""
    from kvx.drivers import node_care  # noqa: PLC0415  ansible_runner is loaded when it is needed

    return node_care.perform(step, world)

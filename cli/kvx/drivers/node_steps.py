"""The steps of the configure phase and their drivers, imported when one is needed."""

from kvx.steps.nodes import AwaitNodes, ConfigureNodes, NodeStep
from kvx.world import Outcome, World


def perform(step: NodeStep, world: World) -> Outcome:
    """Bring about what the step says; raises KvxError when that fails."""
    match step:
        case AwaitNodes():
            from kvx.drivers import reaching

            return reaching.perform(step, world)
        case ConfigureNodes():
            from kvx.drivers import configuring

            return configuring.perform(step, world)

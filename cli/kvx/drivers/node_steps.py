"""The steps of the configure phase and their drivers, imported when one is needed."""

from kvx.errors import ExitCode, KvxError
from kvx.steps.nodes import NodeStep
from kvx.world import Outcome, World


def perform(step: NodeStep, _world: World) -> Outcome:
    """Bring about what the step says; raises KvxError when that fails."""
    raise KvxError(f"this version cannot: {step.words}", "kvx deploy --to provision", ExitCode.MISSING)

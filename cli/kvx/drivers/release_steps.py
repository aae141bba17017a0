"""The steps about releases and their drivers, imported when one is needed: they are heavy."""

from kvx.steps.backups import RestoreBackup
from kvx.steps.releases import ReleaseStep, RollBack, VerifyCluster
from kvx.world import Outcome, World


def is_done(step: ReleaseStep, world: World) -> bool:
    """Whether the world is already as the step would leave it; a step that only looks never is."""
    from kvx.drivers import restoring, rolling_back

    match step:
        case RollBack():
            return rolling_back.is_done(step, world)
        case RestoreBackup():
            return restoring.is_done(step, world)
        case VerifyCluster():
            return False


def perform(step: ReleaseStep, world: World) -> Outcome:
    """Bring about what the step says; raises KvxError when that fails."""
    from kvx.drivers import restoring, rolling_back, verifying

    match step:
        case RollBack():
            return rolling_back.perform(step, world)
        case RestoreBackup():
            return restoring.perform(step, world)
        case VerifyCluster():
            return verifying.perform(step, world)

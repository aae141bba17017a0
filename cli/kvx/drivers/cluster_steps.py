"""The steps about what runs on a cluster: its manifests, and its releases."""

from kvx.drivers import manifest_steps, release_steps
from kvx.steps.manifests import ManifestStep
from kvx.steps.releases import ReleaseStep
from kvx.world import Outcome, World


def is_done(step: ManifestStep | ReleaseStep, world: World) -> bool:
    """Whether the world is already as the step would leave it."""
    if isinstance(step, ManifestStep):
        return manifest_steps.is_done(step, world)
    return release_steps.is_done(step, world)


def perform(step: ManifestStep | ReleaseStep, world: World) -> Outcome:
    """Bring about what the step says; raises KvxError when that fails."""
    if isinstance(step, ManifestStep):
        return manifest_steps.perform(step, world)
    return release_steps.perform(step, world)

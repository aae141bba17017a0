"""The steps of the manifests phase and their drivers, imported when one is needed: they are heavy."""

from kvx.steps.manifests import ApplyManifests, ManifestStep, RemoveManifests, RenderManifests
from kvx.world import Outcome, World


def is_done(step: ManifestStep, world: World) -> bool:
    """Whether the world is already as the step would leave it."""
    from kvx.drivers import manifest_applying, removing, rendering

    match step:
        case RenderManifests():
            return rendering.is_done(step, world)
        case ApplyManifests():
            return manifest_applying.is_done(step, world)
        case RemoveManifests():
            return removing.is_done(step, world)


def perform(step: ManifestStep, world: World) -> Outcome:
    """Bring about what the step says; raises KvxError when that fails."""
    from kvx.drivers import manifest_applying, removing, rendering

    match step:
        case RenderManifests():
            return rendering.perform(step, world)
        case ApplyManifests():
            return manifest_applying.perform(step, world)
        case RemoveManifests():
            return removing.perform(step, world)

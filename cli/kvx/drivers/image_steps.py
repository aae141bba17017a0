"""The steps of the images phase and their drivers, imported when one is needed: they are heavy."""

from kvx.steps.images import BuildImages, CheckImages, ImageStep, LoadImages, ProveImages, PushImages
from kvx.world import Outcome, World


def is_done(step: ImageStep, world: World) -> bool:
    """Whether the world is already as the step would leave it."""
    from kvx.drivers import image_building, image_checking, image_copying, image_loading, image_proving

    match step:
        case BuildImages():
            return image_building.is_done(step, world)
        case ProveImages():
            return image_proving.is_done(step, world)
        case PushImages():
            return image_copying.is_done(step, world)
        case LoadImages():
            return image_loading.is_done(step, world)
        case CheckImages():
            return image_checking.is_done(step, world)


def perform(step: ImageStep, world: World) -> Outcome:
    """Bring about what the step says; raises KvxError when that fails."""
    from kvx.drivers import image_building, image_checking, image_copying, image_loading, image_proving

    match step:
        case BuildImages():
            return image_building.perform(step, world)
        case ProveImages():
            return image_proving.perform(step, world)
        case PushImages():
            return image_copying.perform(step, world)
        case LoadImages():
            return image_loading.perform(step, world)
        case CheckImages():
            return image_checking.perform(step, world)

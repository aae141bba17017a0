"""The phase that builds, pushes and proves the images."""

from kvx.deployment import Deployment
from kvx.phases.later import later
from kvx.plan import Phase
from kvx.settings import ImagesSettings
from kvx.steps.images import BuildImages, ImagesWanted, ProveImages

MEGABYTE = 1_000_000


def images(deployment: Deployment) -> Phase:
    """Build, push, prove; nothing to undo, for what is in a registry may be in use elsewhere."""
    settings, folder = deployment.settings.images, deployment.folder
    if settings.repository is None:
        return later("images")(deployment)
    wanted = images_wanted(settings, settings.repository)
    return Phase(
        name="images",
        summary="build, push and prove the images",
        steps=(
            BuildImages(folder, deployment.sources, wanted, settings.deadline_seconds),
            ProveImages(folder, wanted),
        ),
    )


def images_wanted(settings: ImagesSettings, repository: str) -> ImagesWanted:
    """The settings as the steps take them."""
    return ImagesWanted(
        repository=repository,
        platforms=settings.platforms,
        largest_bytes=int(settings.largest_mb * MEGABYTE),
        base=settings.base,
        builder_image=settings.builder_image,
        builder=settings.builder,
        packages=settings.packages,
        allow_dirty=settings.allow_dirty,
        pip_file=settings.pip_file,
        certificates=settings.certificates,
    )

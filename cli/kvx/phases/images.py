"""The phase that builds and proves the images, and brings them to where the nodes get them from."""

from kvx.deployment import Deployment
from kvx.images.recipes import NAMES, names_for
from kvx.images.reference import LOCAL
from kvx.phases.configure import private_key
from kvx.plan import Phase
from kvx.settings import Settings
from kvx.steps.images import BuildImages, CheckImages, ImagesWanted, LoadImages, ProveImages, PushImages
from kvx.steps.manifests import Where

MEGABYTE = 1_000_000


def images(deployment: Deployment) -> Phase:
    """Build, push, prove; nothing to undo, for what is in a registry may be in use elsewhere."""
    settings, folder = deployment.settings.images, deployment.folder
    if settings.repository is None:
        return Phase(
            "images", "see that there are images to pull", (CheckImages(folder, names(deployment.settings)),)
        )
    wanted = images_wanted(deployment.settings, settings.repository)
    return Phase(
        name="images",
        summary="build, push and prove the images",
        steps=(
            building(deployment, wanted),
            ProveImages(folder, wanted),
        ),
    )


def images_onto_nodes(deployment: Deployment) -> Phase:
    """The same; where there is no registry they lie here, and go onto the nodes by SSH."""
    settings, folder = deployment.settings.images, deployment.folder
    if settings.repository is not None:
        return images(deployment)
    wanted = images_wanted(deployment.settings, LOCAL)
    return Phase(
        name="images",
        summary="build and prove the images, and load them onto the nodes",
        steps=(
            building(deployment, wanted),
            ProveImages(folder, wanted),
            loading(deployment),
        ),
    )


def build_alone(deployment: Deployment) -> Phase:
    """Into a folder here, and proven there; kept only where it goes onto nodes without a registry."""
    settings, folder = deployment.settings.images, deployment.folder
    wanted = images_wanted(deployment.settings, LOCAL)
    keeps = settings.repository is None and deployment.target == "hetzner"
    build = building(deployment, wanted)
    return Phase("images", "build and prove the images", (build, ProveImages(folder, wanted, keep=keeps)))


def push_alone(deployment: Deployment) -> Phase:
    """To the registry and proven there, or onto the nodes where there is none."""
    settings, folder = deployment.settings.images, deployment.folder
    if settings.repository is None and deployment.target != "hetzner":
        return images(deployment)
    if settings.repository is None:
        return Phase("images", "load the images onto the nodes", (loading(deployment),))
    wanted = images_wanted(deployment.settings, settings.repository)
    push = PushImages(folder, settings.repository, settings.deadline_seconds)
    return Phase("images", "push and prove the images", (push, ProveImages(folder, wanted)))


def building(deployment: Deployment, wanted: ImagesWanted) -> BuildImages:
    """The step that builds, with the cluster that it may build in."""
    settings = deployment.settings
    made = deployment.target == "hetzner"
    where = Where(made=True) if made else Where(settings.kubernetes.kubeconfig, settings.kubernetes.context)
    return BuildImages(deployment.folder, deployment.sources, wanted, settings.images.deadline_seconds, where)


def loading(deployment: Deployment) -> LoadImages:
    """The step that brings them onto nodes."""
    seconds = deployment.settings.images.deadline_seconds
    return LoadImages(deployment.folder, private_key(deployment), seconds)


def names(settings: Settings) -> tuple[str, ...]:
    """The images that the manifests need; an overlay of one's own may run any of them."""
    kubernetes = settings.kubernetes
    return NAMES if kubernetes.overlay is not None else names_for(kubernetes.components)


def images_wanted(settings: Settings, repository: str) -> ImagesWanted:
    """The settings as the steps take them."""
    images = settings.images
    return ImagesWanted(
        repository=repository,
        platforms=images.platforms,
        largest_bytes=int(images.largest_mb * MEGABYTE),
        names=names(settings),
        base=images.base,
        builder_image=images.builder_image,
        builder=images.builder,
        builder_pod_image=images.builder_pod_image,
        packages=images.packages,
        cache=images.cache,
        allow_dirty=images.allow_dirty,
        pip_file=images.pip_file,
        certificates=images.certificates,
    )

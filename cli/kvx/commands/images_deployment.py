"""Which deployment a command for images is about, where no target was typed."""

from dataclasses import replace
from pathlib import Path

from kvx.commands.flags import deployment_from
from kvx.deployment import Deployment
from kvx.errors import ExitCode, KvxError
from kvx.images.recipes import NAMES
from kvx.images.reference import LOCAL, Reference, parse_reference

TARGETS = ("hetzner", "cluster")


def images_deployment(
    folder: Path | None, target: str | None = None, builder: str | None = None
) -> Deployment:
    """The target's that was typed or set; else of one that has images already, else the cluster's."""
    deployment = deployment_from(folder, target)
    if builder is not None:
        images = replace(deployment.settings.images, builder=builder)
        deployment = replace(deployment, settings=replace(deployment.settings, images=images))
    if deployment.target in TARGETS:
        return deployment
    if target is not None:
        message = f"the target {target} has no images"
        raise KvxError(message, f"one of: {', '.join(TARGETS)}", ExitCode.MISSING)
    others = [replace(deployment, target=each) for each in TARGETS]
    return next((each for each in others if (each.folder / "images").exists()), others[-1])


def repositories_of(deployment: Deployment, typed: str | None) -> tuple[Reference, ...]:
    """The one that was typed, else those of all images in the settings' registry, else in the folder here."""
    if typed is not None:
        return (parse_reference(typed),)
    place = deployment.settings.images.repository or LOCAL
    return tuple(parse_reference(f"{place}/{name}") for name in NAMES)

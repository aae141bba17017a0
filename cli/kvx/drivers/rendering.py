"""Renders the manifests of a target: kustomization written, rendered by kubectl, looked at by kvx lint."""

import os
import re
from collections.abc import Mapping
from pathlib import Path

import yaml

from kvx.cluster.kustomization import Image, kustomization
from kvx.cluster.order import Object
from kvx.drivers import image_records
from kvx.drivers.files import file_errors, replace_file
from kvx.drivers.kustomize import FILES, kustomization_in, render
from kvx.errors import ExitCode, KvxError
from kvx.images.recipes import UNFILLED_DIGEST, VOICE_API
from kvx.images.record import Proven
from kvx.images.reference import LOCAL
from kvx.lint.linting import Finding, lint
from kvx.lint.reading import read
from kvx.steps.manifests import KUSTOMIZATION, RENDERED, RenderManifests
from kvx.world import Outcome, World

# Images that are not ours, by the setting that names them.
SETTING_OF = {
    name: f"{name.replace('-', '_')}_image" for name in ("postgres", "language-model", "speech-model")
}
NOBODYS = re.compile(rf"{re.escape(LOCAL)}/([\w-]+)@{UNFILLED_DIGEST}")


def is_done(step: RenderManifests, world: World) -> bool:
    """Whether what lies in the folder is what comes of the settings, the images and k8s/ now."""
    file, rendered = step.folder / KUSTOMIZATION / FILES[0], step.folder / RENDERED
    try:
        if file.read_text() != _text(step):
            return False
        _write_own(step)
        return rendered.read_text() == render(file.parent, world, step.deadline_seconds)
    except (OSError, KvxError):
        return False


def perform(step: RenderManifests, world: World) -> Outcome:
    """KvxError with exit code 1 for what lint finds, 3 without a proven image."""
    text = rendered(step, world)
    with file_errors(step.folder / RENDERED):
        replace_file(step.folder / RENDERED, text)
    objects = objects_of(text)
    return Outcome(changed=True, lines=(f"{len(objects)} objects in {step.folder / RENDERED}",))


def rendered(step: RenderManifests, world: World) -> str:
    """The manifests; the kustomization is written for it, for people to look at."""
    file = step.folder / KUSTOMIZATION / FILES[0]
    with file_errors(file):
        file.parent.mkdir(parents=True, exist_ok=True)
        replace_file(file, _text(step))
    _write_own(step)
    text = render(file.parent, world, step.deadline_seconds)
    _refuse_without_image(text)
    _refuse_found(text, file.parent)
    return text


def proven_image(images: Path) -> Proven | None:
    """The voice API's image that was proven for this target."""
    return _kept(images).get(VOICE_API.name)


def objects_of(text: str) -> tuple[Object, ...]:
    """The objects of rendered manifests."""
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    found = yaml.load_all(text, Loader=loader)
    return tuple(each for each in found if isinstance(each, dict))


def rendered_objects(folder: Path) -> tuple[Object, ...]:
    """What was rendered for a deployment; KvxError with exit code 3 where nothing was."""
    try:
        return objects_of((folder / RENDERED).read_text())
    except FileNotFoundError:
        message = f"{folder / RENDERED} is not there: nothing was rendered yet"
        raise KvxError(message, "kvx kubernetes render", ExitCode.MISSING) from None
    except yaml.YAMLError as error:
        message = f"{folder / RENDERED} is damaged: {next(iter(str(error).splitlines()), '')}"
        raise KvxError(message, "kvx kubernetes render", ExitCode.INCOMPLETE) from None


def _text(step: RenderManifests) -> str:
    here = (step.folder / KUSTOMIZATION).resolve()
    overlay = step.wanted.overlay or step.source / "overlays" / step.wanted.target
    _refuse_missing(overlay)
    images = [_image(name, each) for name, each in sorted(_kept(step.images).items())]
    images += [_of_others(name, each) for name, each in step.wanted.images]
    seen = os.path.relpath(overlay.resolve(), here)
    return kustomization(
        step.wanted, images, seen, os.path.relpath(step.source.resolve() / "components", here)
    )


def _kept(images: Path) -> Mapping[str, Proven]:
    return image_records.kept(images) if images.exists() else {}


def _image(name: str, proven: Proven) -> Image:
    reference = proven.reference
    place = f"{reference.registry}/{reference.repository}"
    return Image(f"{LOCAL}/{name}", place, str(reference.digest), proven.pull_policy)


def _of_others(name: str, named: str) -> Image:
    """An image that the settings name by its digest."""
    place, _, digest = named.partition("@")
    return Image(f"{LOCAL}/{name}", place, digest)


def _write_own(step: RenderManifests) -> None:
    """kustomize reads no file beyond its own folder."""
    for own, file in step.wanted.own:
        folder = step.folder / KUSTOMIZATION / own.folder
        with file_errors(file):
            text = file.read_text(encoding="utf-8")
        with file_errors(folder):
            folder.mkdir(exist_ok=True)
            replace_file(folder / FILES[0], own.component)
            replace_file(folder / own.name, text)


def _refuse_missing(overlay: Path) -> None:
    if kustomization_in(overlay) is None:
        message = f"{overlay} is no kustomization"
        raise KvxError(message, "correct kubernetes.overlay in kvx.toml", ExitCode.USAGE)


def _refuse_without_image(text: str) -> None:
    missing = sorted(set(NOBODYS.findall(text)))
    for name in missing:
        if name in SETTING_OF:
            message = f"the component {name} runs an image of yours, and none is named"
            fix = f'set kubernetes.{SETTING_OF[name]} = "NAME@sha256:..." in kvx.toml; docs/cluster.md'
            raise KvxError(message, fix, ExitCode.MISSING)
    if missing:
        message = f"no image {' and no image '.join(missing)} was proven for this target yet"
        fix = f"kvx images builds and proves it; kvx images verify REGISTRY/{missing[0]}:TAG --keep takes one"
        raise KvxError(message, fix, ExitCode.MISSING)


def _refuse_found(text: str, folder: Path) -> None:
    found = lint([read(text, RENDERED)]).findings
    if found:
        more = f", and {len(found) - 1} more (kvx lint {folder} tells all)" if len(found) > 1 else ""
        raise KvxError(f"{_words(found[0])}{more}", found[0].fix)


def _words(finding: Finding) -> str:
    place = f"{finding.object}: {finding.path}" if finding.path else finding.object
    return f"{place or RENDERED}: {finding.message} [{finding.rule}]"

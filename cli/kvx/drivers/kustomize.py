"""Renders kustomizations by kubectl, with a note on each object of the file it came from."""

import os
import tempfile
from dataclasses import dataclass
from pathlib import Path

from kvx.drivers.programs import run_program
from kvx.errors import KvxError
from kvx.world import World

DEADLINE_SECONDS = 60.0
FILES = ("kustomization.yaml", "kustomization.yml", "Kustomization")
TRACED = "apiVersion: kustomize.config.k8s.io/v1beta1\nkind: Kustomization\nresources: [{}]\n"
TRACED += "buildMetadata: [originAnnotations]\n"


@dataclass(frozen=True, slots=True)
class Rendered:
    """What kubectl rendered; files named in its notes are relative to `below`."""

    text: str
    below: Path


def kustomization_in(folder: Path) -> Path | None:
    """The file that makes a folder a kustomization."""
    return next((folder / name for name in FILES if (folder / name).is_file()), None)


def render(folder: Path, world: World, deadline_seconds: float = DEADLINE_SECONDS) -> str:
    """The manifests of a kustomization, as they would be applied."""
    ended = run_program(["kubectl", "kustomize", str(folder)], deadline_seconds, world)
    if ended.code != 0:
        raise KvxError(f"{folder} cannot be rendered: {_reason(ended.talk)}", f"kubectl kustomize {folder}")
    return ended.output


def render_traced(folder: Path, world: World, deadline_seconds: float = DEADLINE_SECONDS) -> Rendered:
    """The same with the origin of each object, as kustomize notes it when a kustomization above asks."""
    with tempfile.TemporaryDirectory(prefix="kvx-lint-") as above:
        below = Path(above).resolve()
        target = os.path.relpath(folder.resolve(), below)
        (below / FILES[0]).write_text(TRACED.format(f'"{target}"'))
        ended = run_program(["kubectl", "kustomize", str(below)], deadline_seconds, world)
        if ended.code == 0:
            return Rendered(ended.output, below)
    render(folder, world, deadline_seconds)  # says the same without the folder above, which nobody knows
    raise KvxError(f"{folder} cannot be rendered: {_reason(ended.talk)}", f"kubectl kustomize {folder}")


def _reason(talk: str) -> str:
    """What kubectl said last, without the prefix of its log."""
    said = [line for line in talk.splitlines() if line.strip()]
    return said[-1].partition("err=")[2].strip('"') or said[-1] if said else "kubectl says nothing"

"""The manifests that a command line means: files, folders, kustomizations and stdin, read to be looked at."""

import os
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from kvx.errors import ExitCode, KvxError
from kvx.lint.origin import origins, traced
from kvx.lint.reading import Read, read

STDIN = "-"
ENDINGS = frozenset({".yaml", ".yml", ".json"})


def bundles(paths: Sequence[str]) -> Iterator[tuple[Read, ...]]:
    """What is looked at together: each kustomization by itself, and all files in one."""
    files: list[Read] = []
    for name in paths:
        for each in _found(name):
            if isinstance(each, Path):
                yield (_rendered(each),)
            else:
                files.append(each)
    if files:
        yield tuple(files)


def _found(name: str) -> Iterator[Path | Read]:
    """Kustomizations as their folders, everything else as it reads."""
    from kvx.drivers.kustomize import kustomization_in

    path = Path(name)
    if name == STDIN:
        yield read(sys.stdin.buffer.read().decode(errors="replace"), "stdin")
    elif path.is_dir():
        alone = kustomization_in(path)
        yield from (path,) if alone and not _component(alone) else _below(path)
    elif path.exists():
        yield _file(path)
    else:
        raise KvxError(f"there is no {name}", "name files or folders that are there", ExitCode.USAGE)


def _below(folder: Path) -> Iterator[Path | Read]:
    """All kustomizations below a folder, and all files that belong to none."""
    from kvx.drivers.kustomize import kustomization_in

    for place, folders, names in os.walk(folder):
        here = Path(place)
        alone = kustomization_in(here)
        folders[:] = sorted(each for each in folders if not each.startswith("."))
        if alone is not None:
            folders.clear()
            yield from () if _component(alone) else (here,)
        else:
            yield from (_file(here / each) for each in sorted(names) if Path(each).suffix in ENDINGS)


def _component(kustomization: Path) -> bool:
    """A component is a part of others, and cannot be rendered alone."""
    found = _file(kustomization).objects
    return any(each.kind == "Component" for each in found)


def _file(path: Path) -> Read:
    return read(path.read_text(encoding="utf-8", errors="replace"), str(path))


def _rendered(folder: Path) -> Read:
    from kvx.drivers.kustomize import render_traced
    from kvx.world import real_world

    rendered = render_traced(folder, real_world())
    text = read(rendered.text, str(folder))
    places = {note: (rendered.below / note).resolve() for note in set(origins(text))}
    there = {note: place for note, place in places.items() if place.is_file()}
    texts = {note: (_short(place), place.read_text(errors="replace")) for note, place in there.items()}
    return traced(text, texts)


def _short(place: Path) -> str:
    """A path as the user would type it here."""
    here = Path.cwd()
    return str(place.relative_to(here)) if place.is_relative_to(here) else str(place)

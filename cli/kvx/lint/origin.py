"""From a rendered object back to the file it was written in, by what kustomize notes of its origin."""

from collections.abc import Iterator, Mapping
from dataclasses import replace

import yaml

from kvx.lint.node import Node
from kvx.lint.objects import Object
from kvx.lint.reading import Read, read

NOTE = "config.kubernetes.io/origin"


def origins(text: Read) -> Iterator[str]:
    """The files that the objects came from, as kustomize names them: relative to where it was started."""
    for each in text.objects:
        path, _ = _origin(each)
        if path:
            yield path


def traced(text: Read, files: Mapping[str, tuple[str, str]]) -> Read:
    """The same objects, each said to be in its file; `files` has a name for people and the text of each."""
    sources = {path: (name, read(content, name)) for path, (name, content) in files.items()}
    return replace(text, objects=tuple(_traced(each, sources) for each in text.objects))


def _traced(item: Object, sources: Mapping[str, tuple[str, Read]]) -> Object:
    path, generated = _origin(item)
    if path not in sources:
        return replace(item, marks=None)
    name, source = sources[path]
    written = None if generated else next((each for each in source.objects if _same(each, item)), None)
    return replace(item, source=name, marks=written.marks if written else None)


def _same(written: Object, rendered: Object) -> bool:
    """Kustomize may have put something before or behind the name."""
    return written.kind == rendered.kind and written.name in rendered.name


def _origin(item: Object) -> tuple[str, bool]:
    """The file, and whether a generator made the object of what stands there."""
    note = Node(_mapping(item.root.at("metadata", "annotations", NOTE).text))
    generated = note.at("configuredIn").text
    return generated or note.at("path").text, bool(generated)


def _mapping(text: str) -> object:
    try:
        return yaml.safe_load(text)
    except yaml.YAMLError:
        return None

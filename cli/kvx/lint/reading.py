"""Reads YAML into objects that know their lines; bad text becomes a finding, never an error."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

import yaml

from kvx.lint.node import Node, Path
from kvx.lint.objects import Object

MOST_CHARACTERS = 32_000_000
MOST_MERGED = 10_000
_Base = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
# What PyYAML raises for values that are not what their tag says, and for nesting without end.
_BEYOND_YAML = (
    *(ValueError, TypeError, AttributeError, LookupError, ArithmeticError),
    *(RecursionError, NameError),
)


@dataclass(frozen=True, slots=True)
class Unreadable:
    """What could not be taken as an object: the rule it breaks, where, and in which words."""

    rule: str
    source: str
    line: int | None
    message: str


@dataclass(frozen=True, slots=True)
class Read:
    """The objects of one text, and what in it was none."""

    objects: tuple[Object, ...] = ()
    unreadable: tuple[Unreadable, ...] = field(default=())


class _Loader(_Base):  # type: ignore[misc, valid-type]  # libyaml's where it is there
    """PyYAML's safe loader that gives up on texts made to grow without end."""

    def flatten_mapping(self, node: yaml.MappingNode) -> None:
        super().flatten_mapping(node)
        if len(node.value) > MOST_MERGED:
            raise yaml.constructor.ConstructorError(None, None, "too much is merged", node.start_mark)


# In YAML 1.1 a lone = has a type of its own, which nobody means and no reader knows: here it is text.
_Loader.yaml_implicit_resolvers = {
    first: resolvers for first, resolvers in _Loader.yaml_implicit_resolvers.items() if first != "="
}


def read(text: str, source: str) -> Read:
    """Every document of the text; after one that is no YAML, reading ends."""
    objects: list[Object] = []
    unreadable: list[Unreadable] = []
    for each in _documents(text, source):
        (unreadable if isinstance(each, Unreadable) else objects).append(each)  # type: ignore[arg-type]
    return Read(tuple(objects), tuple(unreadable))


def _documents(text: str, source: str) -> Iterator[Object | Unreadable]:
    if len(text) > MOST_CHARACTERS:
        yield Unreadable("not-yaml", source, None, f"longer than {MOST_CHARACTERS:,} characters")
        return
    try:
        loader = _Loader(text)
        while loader.check_node():
            node = loader.get_node()
            yield from _objects(loader.construct_document(node), node, source)
            yield from _duplicate_keys(node, source)
    except yaml.YAMLError as error:
        yield Unreadable("not-yaml", source, _line_of_error(error), _first_words(error))
    except _BEYOND_YAML as error:
        yield Unreadable("not-yaml", source, None, f"it cannot be taken as values: {error}")


def _objects(data: object, marks: yaml.Node | None, source: str) -> Iterator[Object | Unreadable]:
    if data is None:
        return
    if not isinstance(data, Mapping):
        yield Unreadable("not-an-object", source, _line(marks), f"a {_kind_word(data)}, not an object")
        return
    root = Node(data)
    if root.at("kind").text.endswith("List") and isinstance(data.get("items"), list):
        for entry in root.at("items").items:
            yield from _objects(entry.value, _mark_at(marks, entry.path), source)
        return
    missing = [key for key in ("apiVersion", "kind") if not root.at(key).text]
    if missing:
        yield Unreadable("not-an-object", source, _line(marks), f"without {' and '.join(missing)}")
        return
    yield Object(source, root, marks)


def _kind_word(data: object) -> str:
    return "list" if isinstance(data, list) else "single value"


def _duplicate_keys(root: yaml.Node, source: str) -> Iterator[Unreadable]:
    waiting, seen = [root], set()
    while waiting:
        node = waiting.pop()
        if id(node) in seen:
            continue
        seen.add(id(node))
        if isinstance(node, yaml.MappingNode):
            yield from _twice(node, source)
            waiting += [value for _, value in node.value]
        elif isinstance(node, yaml.SequenceNode):
            waiting += node.value


def _twice(node: yaml.MappingNode, source: str) -> Iterator[Unreadable]:
    first: dict[str, int] = {}
    for key, _ in node.value:
        if not isinstance(key, yaml.ScalarNode):
            continue
        if key.value in first and first[key.value] != key.start_mark.line:
            words = f"the key {key.value} stands on line {first[key.value] + 1} already"
            yield Unreadable("duplicate-key", source, key.start_mark.line + 1, f"{words}, and the last wins")
        first[key.value] = key.start_mark.line


def line_of(marks: object, path: Path) -> int | None:
    """The line of what lies at the path, or of the nearest thing above it that is there."""
    return _line(_mark_at(marks if isinstance(marks, yaml.Node) else None, path))


def _mark_at(node: yaml.Node | None, path: Path) -> yaml.Node | None:
    for step in path:
        below = _below(node, step)
        if below is None:
            return node
        node = below
    return node


def _below(node: yaml.Node | None, step: str | int) -> yaml.Node | None:
    if isinstance(node, yaml.SequenceNode) and isinstance(step, int):
        return node.value[step] if step < len(node.value) else None
    if isinstance(node, yaml.MappingNode):
        return next((value for key, value in node.value if key.value == step), None)
    return None


def _line(node: yaml.Node | None) -> int | None:
    return node.start_mark.line + 1 if node is not None and node.start_mark else None


def _line_of_error(error: yaml.YAMLError) -> int | None:
    mark = getattr(error, "problem_mark", None)
    return mark.line + 1 if mark else None


def _first_words(error: yaml.YAMLError) -> str:
    problem = getattr(error, "problem", None) or getattr(error, "reason", None) or str(error)
    return str(problem).splitlines()[0] if str(problem) else "not YAML"

"""A place in a manifest: can be walked whatever is there, and knows its path."""

from collections.abc import Mapping
from dataclasses import dataclass

Path = tuple[str | int, ...]


@dataclass(frozen=True, slots=True)
class Node:
    """A value of a manifest; asked for what it is not, it answers with nothing instead of failing."""

    value: object
    path: Path = ()

    def at(self, *keys: str) -> "Node":
        """What lies under these keys, one below the other; a node of None where nothing does."""
        value = self.value
        for key in keys:
            value = value.get(key) if isinstance(value, dict) else None
        return Node(value, (*self.path, *keys))

    @property
    def items(self) -> tuple["Node", ...]:
        """The entries of a list, none for anything else."""
        entries = self.value if isinstance(self.value, list) else []
        return tuple(Node(entry, (*self.path, number)) for number, entry in enumerate(entries))

    @property
    def pairs(self) -> tuple[tuple[str, "Node"], ...]:
        """The keys of a mapping that are words, and what lies under them."""
        content = self.value if isinstance(self.value, dict) else {}
        return tuple(
            (key, Node(each, (*self.path, key))) for key, each in content.items() if isinstance(key, str)
        )

    @property
    def keys(self) -> tuple[str, ...]:
        return tuple(key for key, _ in self.pairs)

    @property
    def text(self) -> str:
        """The text that is here, empty for anything else."""
        return self.value if isinstance(self.value, str) else ""

    @property
    def texts(self) -> tuple[str, ...]:
        """The texts of a list."""
        return tuple(entry.text for entry in self.items if entry.text)

    @property
    def number(self) -> int | None:
        """The whole number that is here."""
        return self.value if isinstance(self.value, int) and not isinstance(self.value, bool) else None

    @property
    def given(self) -> bool:
        return self.value is not None

    @property
    def labels(self) -> Mapping[str, str]:
        """A mapping of texts to texts, without what is none."""
        content = self.value if isinstance(self.value, dict) else {}
        return {key: each for key, each in content.items() if isinstance(key, str) and isinstance(each, str)}


NOTHING = Node(None)


def words(root: object, path: Path) -> str:
    """A path as a person writes it: spec.containers[web].image; entries with a name go by it."""
    said, value = "", root
    for step in path:
        value = _below(value, step)
        if isinstance(step, int):
            name = value.get("name") if isinstance(value, dict) else None
            said += f"[{name if isinstance(name, str) else step}]"
        else:
            said += f".{step}" if "." not in step and "/" not in step else f"[{step}]"
    return said.removeprefix(".")


def _below(value: object, step: str | int) -> object:
    if isinstance(step, int):
        return value[step] if isinstance(value, list) and step < len(value) else None
    return value.get(step) if isinstance(value, dict) else None

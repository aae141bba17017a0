"""The keys of kvx.toml, derived from the settings: type, bounds, variable and flag of each."""

from collections.abc import Iterator, Mapping
from dataclasses import MISSING, dataclass, fields
from math import isfinite
from pathlib import Path
from types import NoneType
from typing import Annotated, Any, get_args, get_origin, get_type_hints

from kvx.secret import Secret
from kvx.settings import (
    CostSettings,
    HetznerSettings,
    ImagesSettings,
    KubernetesSettings,
    NodesSettings,
    PoolSettings,
    Says,
    Settings,
    VoiceSettings,
)

TABLES: Mapping[str, type] = {
    "": Settings,
    "voice": VoiceSettings,
    "hetzner": HetznerSettings,
    "nodes": NodesSettings,
    "images": ImagesSettings,
    "kubernetes": KubernetesSettings,
    "cost": CostSettings,
}
SWITCH = {
    "true": True,
    "yes": True,
    "on": True,
    "1": True,
    "false": False,
    "no": False,
    "off": False,
    "0": False,
}
KIND_WORDS: Mapping[type, str] = {
    int: "a whole number",
    float: "a number",
    bool: "true or false",
    tuple: "a list of texts",
    PoolSettings: "tables, [[hetzner.pools]]",
}


@dataclass(frozen=True, slots=True)
class Key:
    """One setting: its name with the table in front, its type without None, its default."""

    name: str
    kind: type
    default: object
    says: Says

    @property
    def variable(self) -> str:
        return self.says.variable or f"KVX_{self.name.replace('.', '_').upper()}"

    @property
    def flag(self) -> str:
        return f"--{self.name.rpartition('.')[2].replace('_', '-')}"

    @property
    def expected(self) -> str:
        """What a right value is, in words that finish `set KEY to ...`."""
        if self.says.choices:
            return f"one of {', '.join(self.says.choices)}"
        kind = KIND_WORDS.get(self.kind, "a text")
        if self.says.least is None or self.says.most is None:
            return kind
        return f"{kind} from {_number(self.says.least)} to {_number(self.says.most)}"

    def allows(self, value: object) -> bool:
        """Whether a value of the right type is within the bounds."""
        if self.says.choices:
            return value in self.says.choices
        if isinstance(value, int | float):
            least, most = self.says.least, self.says.most
            return isfinite(value) and (least is None or least <= value) and (most is None or value <= most)
        return True


def _number(value: float) -> str:
    return str(int(value)) if value == int(value) else str(value)


def _keys_of(table: str, owner: type) -> Iterator[Key]:
    hints = get_type_hints(owner, include_extras=True)
    for item in fields(owner):
        if item.default is not MISSING and get_origin(hints[item.name]) is Annotated:
            union, says = get_args(hints[item.name])
            yield Key(f"{table}.{item.name}" if table else item.name, _kind(union), item.default, says)


def _kind(hint: Any) -> type:
    """The type without None; `tuple` for texts, and for a tuple of tables the type of one."""
    if get_origin(hint) is tuple:
        return tuple if get_args(hint)[0] is str else get_args(hint)[0]
    return next((_kind(kind) for kind in get_args(hint) if kind is not NoneType), hint)


POOL_KEYS: Mapping[str, Key] = {key.name: key for key in _keys_of("", PoolSettings)}
KEYS: Mapping[str, Key] = {key.name: key for table, owner in TABLES.items() for key in _keys_of(table, owner)}
VARIABLES: Mapping[str, Key] = {key.variable: key for key in KEYS.values()}


def convert(key: Key, value: object, base: Path, *, textual: bool) -> object | None:
    """The value as its key's type, None where it has another; relative paths are seen from `base`.

    `textual` reads text as the environment gives it, where a number is written in letters.
    """
    typed = _typed(key.kind, value, textual=textual)
    if isinstance(typed, Path):
        if key.says.word and str(value) == key.says.word:
            return typed
        return (base / typed.expanduser()).resolve()
    if key.says.may_be_path and isinstance(typed, str) and ("/" in typed or typed.startswith(("~", "."))):
        return str((base / Path(typed).expanduser()).resolve())
    return typed


def _typed(kind: type, value: object, *, textual: bool) -> object | None:
    if textual and isinstance(value, str) and kind in KIND_WORDS:
        return _from_text(kind, value.strip())
    if kind is tuple:
        return _texts(value)
    if kind is float and isinstance(value, int | float) and not isinstance(value, bool):
        return float(value)
    if kind is Path:
        return Path(value) if isinstance(value, str | Path) else None
    if kind in (Secret, str):
        return kind(value) if isinstance(value, str) else None
    return value if type(value) is kind else None


def _texts(value: object) -> tuple[str, ...] | None:
    if isinstance(value, list | tuple) and all(isinstance(each, str) for each in value):
        return tuple(value)
    return None


def _from_text(kind: type, text: str) -> object | None:
    if kind is bool:
        return SWITCH.get(text.lower())
    if kind is tuple:
        return tuple(each.strip() for each in text.split(",") if each.strip())
    try:
        return int(text) if kind is int else float(text)
    except ValueError:
        return None

"""Reads the settings of one call and remembers where each came from: default < kvx.toml < KVX_* < flags."""

import difflib
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from kvx.errors import ExitCode, KvxError
from kvx.secret import Secret
from kvx.settings import (
    CostSettings,
    HetznerSettings,
    ImagesSettings,
    KubernetesSettings,
    NodesSettings,
    PoolSettings,
    Settings,
    VoiceSettings,
)
from kvx.settings.file import NAME, values_of
from kvx.settings.keys import KEYS, TABLES, VARIABLES, Key, convert
from kvx.settings.pools import pools_of

# They begin with KVX_ and steer kvx, its tests and voice-api, but are no settings.
NOT_SETTINGS = frozenset(
    {
        *("KVX_FOLDER", "KVX_DEBUG", "KVX_REQUIRE", "KVX_VOICE_SETTINGS", "KVX_CALLED_AS"),
        "KVX_SECRETS_FOLDER",
    }
)


@dataclass(frozen=True, slots=True)
class Source:
    """Where a value came from; `where` is `kvx.toml:LINE`, a variable or a flag, empty for a default."""

    kind: Literal["default", "file", "environment", "flag"]
    where: str = ""


@dataclass(frozen=True, slots=True)
class Loaded:
    """Settings, and the source of each key (`folder`, `target`, `voice.port` ...)."""

    settings: Settings
    sources: Mapping[str, Source]


def load(
    flags: Mapping[str, object], environ: Mapping[str, str] | None = None, cwd: Path | None = None
) -> Loaded:
    """The settings of one call; `flags` maps keys to values, None where a flag was not given.

    Raises a KvxError with exit code 2 that names the source and the key.
    """
    environ = os.environ if environ is None else environ
    cwd = Path.cwd() if cwd is None else cwd
    folder, source = _folder(flags, environ, cwd)
    values: dict[str, object] = {}
    sources = {"folder": source, **dict.fromkeys(KEYS, Source("default"))}
    for key, value, origin in (
        *_from_file(folder),
        *_from_secrets(environ, cwd),
        *_from_environment(environ, cwd),
        *_from_flags(flags, cwd),
    ):
        values[key.name], sources[key.name] = value, origin
    return Loaded(_settings(folder, values), sources)


def debugging(environ: Mapping[str, str] | None = None) -> bool:
    """Whether tracebacks are wanted on the screen."""
    return bool((os.environ if environ is None else environ).get("KVX_DEBUG"))


def dumb_terminal(environ: Mapping[str, str] | None = None) -> bool:
    """Whether the terminal can only print lines."""
    return (os.environ if environ is None else environ).get("TERM") in {None, "", "dumb"}


def _settings(folder: Path, values: Mapping[str, object]) -> Settings:
    tables: dict[str, dict[str, Any]] = {table: {} for table in TABLES}
    for name, value in values.items():
        table, _, item = name.rpartition(".")
        tables[table][item] = value
    voice, hetzner = VoiceSettings(**tables["voice"]), HetznerSettings(**tables["hetzner"])
    nodes, images = NodesSettings(**tables["nodes"]), ImagesSettings(**tables["images"])
    more: dict[str, Any] = {**tables[""], "kubernetes": KubernetesSettings(**tables["kubernetes"])}
    more["cost"] = CostSettings(**tables["cost"])
    return Settings(folder, voice=voice, hetzner=hetzner, nodes=nodes, images=images, **more)


def called_as(environ: Mapping[str, str] | None = None) -> str:
    """What the user typed to reach kvx; deploy.sh names itself here."""
    return (os.environ if environ is None else environ).get("KVX_CALLED_AS") or "kvx"


def _folder(flags: Mapping[str, object], environ: Mapping[str, str], cwd: Path) -> tuple[Path, Source]:
    if flags.get("folder") is not None:
        folder, source = Path(str(flags["folder"])), Source("flag", "--folder")
    elif environ.get("KVX_FOLDER"):
        folder, source = Path(environ["KVX_FOLDER"]), Source("environment", "KVX_FOLDER")
    else:
        folder, source = cwd, Source("default")
    folder = (cwd / folder.expanduser()).resolve()
    if not folder.is_dir():
        raise _wrong(source, f"there is no folder {folder}", f"mkdir -p {folder}")
    return folder, source


def _from_file(folder: Path) -> Iterator[tuple[Key, object, Source]]:
    for name, value, where in values_of(folder):
        source = Source("file", where)
        if name not in KEYS:
            raise _unknown(source, name)
        if KEYS[name].kind is Secret:
            fix = f"take the line out of {NAME}, then: export {KEYS[name].variable}=..."
            raise _wrong(source, f"{name} is a secret, and {NAME} is no place for one", fix)
        yield KEYS[name], _value(KEYS[name], value, source, folder), source


def _from_secrets(environ: Mapping[str, str], cwd: Path) -> Iterator[tuple[Key, object, Source]]:
    """Secrets that lie in a folder, each in a file called as its variable: so a cluster hands them over."""
    folder = environ.get("KVX_SECRETS_FOLDER")
    if not folder:
        return
    for name, key in VARIABLES.items():
        path = cwd / folder / name
        if key.kind is Secret and path.is_file():
            source = Source("environment", str(path))
            yield key, _value(key, _secret_in(path, source), source, cwd), source


def _secret_in(path: Path, source: Source) -> str:
    try:
        return path.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is not text"
        raise _wrong(source, f"the secret cannot be read: {why}", f"ls -l {path}") from None


def _from_environment(environ: Mapping[str, str], cwd: Path) -> Iterator[tuple[Key, object, Source]]:
    """An empty variable counts as one that is not set."""
    for name in sorted(name for name in environ if name in VARIABLES or name.startswith("KVX_")):
        source = Source("environment", name)
        if name in VARIABLES and environ[name]:
            yield VARIABLES[name], _value(VARIABLES[name], environ[name], source, cwd), source
        elif name not in VARIABLES and name not in NOT_SETTINGS:
            near = difflib.get_close_matches(name, VARIABLES, 1)
            fix = f"unset {name}" + (f"; perhaps {near[0]} was meant" if near else "")
            raise _wrong(source, "no setting of kvx has this variable", fix)


def _from_flags(flags: Mapping[str, object], cwd: Path) -> Iterator[tuple[Key, object, Source]]:
    for name, value in flags.items():
        if value is not None and name != "folder":
            source = Source("flag", KEYS[name].flag)
            yield KEYS[name], _value(KEYS[name], value, source, cwd), source


def _value(key: Key, value: object, source: Source, base: Path) -> object:
    if key.kind is PoolSettings:
        return pools_of(value, source.where)
    typed = convert(key, value, base, textual=source.kind != "file")
    if typed is None or not key.allows(typed):
        raise _wrong(source, f"{key.name} is {value!r}", f"set {key.name} to {key.expected}")
    return typed


def _unknown(source: Source, name: str) -> KvxError:
    by_last_word = {key.rpartition(".")[2]: key for key in KEYS}
    near = difflib.get_close_matches(name, KEYS, 1) or difflib.get_close_matches(name, by_last_word, 1)
    fix = f"write {by_last_word.get(near[0], near[0])}" if near else "kvx config show names every setting"
    return _wrong(source, f"there is no setting {name}", fix)


def _wrong(source: Source, message: str, fix: str) -> KvxError:
    return KvxError(f"{source.where}: {message}" if source.where else message, fix, ExitCode.USAGE)

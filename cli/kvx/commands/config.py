"""kvx config: every setting, its value, and where that came from."""

import json
from dataclasses import asdict
from pathlib import Path

import typer

from kvx.commands.flags import Folder, Json
from kvx.secret import Secret
from kvx.settings import PoolSettings, Settings
from kvx.settings.keys import KEYS
from kvx.settings.load import Loaded, Source, load

SCHEMA = "kvx/config/v1"

app = typer.Typer(help="Show the settings, and where each came from.", rich_markup_mode=None)


@app.callback()
def config() -> None:
    """Show the settings, and where each came from."""


@app.command()
def show(folder: Folder = None, *, as_json: Json = False) -> None:
    """Print every setting with its value and its source; secrets stay hidden."""
    loaded = load({"folder": folder})
    print(json.dumps(_data(loaded), indent=2) if as_json else "\n".join(_lines(loaded)))


def _values(settings: Settings) -> dict[str, object]:
    values: dict[str, object] = {"folder": settings.folder}
    for name in KEYS:
        table, _, item = name.rpartition(".")
        values[name] = getattr(getattr(settings, table) if table else settings, item)
    return values


def _data(loaded: Loaded) -> dict[str, object]:
    settings = [
        {
            "name": name,
            "value": _plain(value),
            "source": loaded.sources[name].kind,
            "where": loaded.sources[name].where,
        }
        for name, value in _values(loaded.settings).items()
    ]
    return {"schema": SCHEMA, "settings": settings}


def _plain(value: object) -> object:
    if isinstance(value, tuple):
        return [asdict(each) if isinstance(each, PoolSettings) else each for each in value]
    return str(value) if isinstance(value, Path | Secret) else value


def _lines(loaded: Loaded) -> list[str]:
    values = {name: _shown(value) for name, value in _values(loaded.settings).items()}
    names, texts = max(map(len, values)), max(map(len, values.values()))
    return [
        f"{name:<{names}}  {text:<{texts}}  {_words(loaded.sources[name])}" for name, text in values.items()
    ]


def _shown(value: object) -> str:
    if isinstance(value, tuple):
        return ", ".join(each.name if isinstance(each, PoolSettings) else each for each in value) or "-"
    return "-" if value is None else str(_plain(value))


def _words(source: Source) -> str:
    return source.where or source.kind

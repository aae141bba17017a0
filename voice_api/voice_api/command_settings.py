"""Settings as flags of a command, and what they say with file and environment."""

import argparse
from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path

from voice_api.settings import Settings, load_settings, surroundings


def add_settings(parser: argparse.ArgumentParser, only: tuple[str, ...] = ()) -> None:
    """A flag for each setting, or for those named."""
    parser.add_argument("--settings", type=Path, metavar="FILE.toml", help="file with settings")
    for item in fields(Settings):
        if only and item.name not in only:
            continue
        parser.add_argument(
            f"--{item.name.replace('_', '-')}",
            metavar="VALUE",
            default=argparse.SUPPRESS,
            help=f"{item.metadata['help']} ({item.default!r})".replace("%", "%%"),
        )


def chosen_settings(parsed: argparse.Namespace) -> Settings:
    """The settings of a command line that was read; SettingsError for wrong ones."""
    names = {item.name for item in fields(Settings)}
    flags: Mapping[str, str] = {name: value for name, value in vars(parsed).items() if name in names}
    return load_settings(parsed.settings, flags)


def kept_in(settings: Settings) -> Path:
    """The folder that holds the models."""
    return Path(settings.models_folder) if settings.models_folder else surroundings().models_folder

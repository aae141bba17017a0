"""kvx.toml: its values, each with the line that brings it."""

import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path

from kvx.errors import ExitCode, KvxError
from kvx.settings.keys import TABLES

NAME = "kvx.toml"
LINES_SEARCHED = 200


def values_of(folder: Path) -> Iterator[tuple[str, object, str]]:
    """Each key with its value and `kvx.toml:LINE`; nothing where there is no file.

    Raises a KvxError with exit code 2 for a file that cannot be read or is not TOML.
    """
    text = _text(folder / NAME)
    lines = _lines(text)
    for name, value in _flattened(_parsed(text, folder / NAME)):
        yield name, value, f"{NAME}:{lines[name]}" if name in lines else NAME


def _text(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        return ""
    except OSError as error:
        fix = f"ls -ld {file}; make it a file that you may read"
        raise KvxError(f"{file} cannot be read: {error.strerror}", fix, ExitCode.USAGE) from None
    except UnicodeDecodeError:
        raise KvxError(f"{file} is not text in UTF-8", f"save {file} as UTF-8", ExitCode.USAGE) from None


def _parsed(text: str, file: Path) -> Mapping[str, object]:
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        fix = f'correct {file}; text stands in quotes: target = "local"'
        raise KvxError(f"{file} is not valid TOML: {error}", fix, ExitCode.USAGE) from None


def _flattened(document: Mapping[str, object]) -> Iterator[tuple[str, object]]:
    for name, value in document.items():
        if name in TABLES and isinstance(value, dict):
            yield from ((f"{name}.{item}", inner) for item, inner in value.items())
        else:
            yield name, value


def _lines(text: str) -> Mapping[str, int]:
    """The line of each key: where the statement starts that makes the file's beginning hold it."""
    lines = text.splitlines(keepends=True)
    found: dict[str, int] = {}
    start = 1
    for count in range(1, min(len(lines), LINES_SEARCHED) + 1):
        try:
            document = tomllib.loads("".join(lines[:count]))
        except tomllib.TOMLDecodeError:
            continue
        for name, _ in _flattened(document):
            found.setdefault(name, start)
        start = count + 1
    return found

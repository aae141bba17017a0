"""JSON files of a model folder, read with a clear word about whatever is wrong in them."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TypeGuard

from voice_api.speech.whisper.errors import ModelFolderError

FETCH_AGAIN = "copy the file again from where the model came from"


@dataclass(frozen=True, slots=True)
class Document:
    """One JSON object on disk; every reading method raises ModelFolderError on a wrong kind."""

    path: Path
    values: Mapping[str, object]

    def has(self, name: str) -> bool:
        return self.values.get(name) is not None

    def whole(self, name: str, default: int | None = None) -> int:
        value = self.values.get(name)
        value = default if value is None else value
        if isinstance(value, list) and value:
            value = value[0]  # end tokens may be given as a list
        if not isinstance(value, int) or isinstance(value, bool) or value < 0:
            raise self.wrong(name, "a whole number")
        return value

    def number(self, name: str, default: float | None = None) -> float:
        value = self.values.get(name, default)
        if not _is_number(value):
            raise self.wrong(name, "a number")
        return float(value)

    def wholes(self, name: str) -> tuple[int, ...]:
        """A list of whole numbers; empty when absent."""
        value = self.values.get(name)
        entries = [] if value is None else value
        if not isinstance(entries, list) or not all(isinstance(one, int) and one >= 0 for one in entries):
            raise self.wrong(name, "a list of whole numbers")
        return tuple(entries)

    def numbers_by_name(self, name: str) -> Mapping[str, float]:
        """An object of numbers; empty when absent."""
        value = self.values.get(name)
        entries = {} if value is None else value
        if not isinstance(entries, dict) or not all(_is_number(one) for one in entries.values()):
            raise self.wrong(name, "an object of numbers")
        return entries

    def switch(self, name: str, default: bool) -> bool:
        value = self.values.get(name)
        return value if isinstance(value, bool) else default

    def wrong(self, name: str, wanted: str) -> ModelFolderError:
        found = self.values.get(name, "nothing")
        return ModelFolderError(f"{self.path}: {name} should be {wanted}, found {found!r:.60}", FETCH_AGAIN)


def _is_number(value: object) -> TypeGuard[int | float]:
    """A finite number that is no truth value; JSON as Python reads it also knows NaN."""
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < float("inf")


def read_document(path: Path) -> Document:
    """Read one JSON object."""
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ModelFolderError(f"{path} is missing", FETCH_AGAIN) from None
    except OSError as error:
        raise ModelFolderError(f"{path} cannot be read: {error.strerror}", "make it readable") from error
    except (ValueError, RecursionError) as error:
        raise ModelFolderError(f"{path} is not valid JSON: {error!s:.120}", FETCH_AGAIN) from error
    if not isinstance(values, dict):
        raise ModelFolderError(f"{path} holds no JSON object", FETCH_AGAIN)
    return Document(path, values)


def read_if_present(path: Path) -> Document:
    """Like read_document, with an empty document for a file that is not there."""
    return read_document(path) if path.exists() else Document(path, {})

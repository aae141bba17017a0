"""Extensions that installed packages bring, by entry points."""

from collections.abc import Iterable
from importlib.metadata import EntryPoint, entry_points

from voice_api.errors import VoiceApiError
from voice_api.extensions.extension import GROUP, Extension, unfit


def installed(found: Iterable[EntryPoint] | None = None) -> tuple[Extension, ...]:
    """Those of this Python, by their names; VoiceApiError for one that cannot be had."""
    every = entry_points(group=GROUP) if found is None else found
    return tuple(_loaded(each) for each in sorted(every, key=lambda each: each.name))


def _loaded(entry: EntryPoint) -> Extension:
    try:
        brought = entry.load()
        made = brought() if callable(brought) else brought
    except VoiceApiError as error:
        raise unfit(entry.name, error.message, error.fix) from error
    except Exception as error:
        # Whatever a package raises while it is imported is the package's own.
        raise unfit(entry.name, f"{entry.value} raised {type(error).__name__}") from error
    if not isinstance(made, Extension):
        raise unfit(entry.name, f"{entry.value} is no Extension")
    return made

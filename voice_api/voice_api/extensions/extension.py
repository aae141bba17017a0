"""What an extension brings, and what all of them together add to the commands."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from voice_api.commands.answers.reading import Act
from voice_api.commands.language.names import Finder
from voice_api.commands.registry.declaring import Function
from voice_api.errors import VoiceApiError

GROUP = "voice_api.extensions"
"""Of entry points: each is an Extension, or is called without arguments and gives one."""


def _nothing() -> None:
    """Where there is nothing to close."""


@dataclass(frozen=True, slots=True)
class Extension:
    """What one package or program brings.

    functions  what can be asked for, READ_ONLY; `Registry().function` declares them
    answers    by function, all of them: called with the cluster as its user sees it, and the call
    grammar    files with sentences for these functions, and no others
    names      by a kind of its own: the names there are now. LiveName(("kind",)) marks an argument of it
    """

    name: str
    functions: Mapping[str, Function]
    answers: Mapping[str, Act]
    grammar: tuple[Path, ...]
    names: Mapping[str, Callable[[], Iterable[str]]] = field(default_factory=dict)
    close: Callable[[], None] = _nothing


@dataclass(frozen=True, slots=True)
class Added:
    """What all extensions add; `names` finds those of each kind."""

    functions: Mapping[str, Function] = field(default_factory=dict)
    answers: Mapping[str, Act] = field(default_factory=dict)
    grammar: tuple[Path, ...] = ()
    names: Mapping[str, Finder] = field(default_factory=dict)
    close: Callable[[], None] = _nothing


NOTHING_ADDED = Added()


def unfit(name: str, why: str, fix: str = "") -> VoiceApiError:
    """The extension cannot be used, and the service does not start with it."""
    return VoiceApiError(
        "extension_invalid",
        f"The extension {name} cannot be used: {why}",
        fix or "Correct it, uninstall it, or take it out of extensions_folder",
        500,
    )

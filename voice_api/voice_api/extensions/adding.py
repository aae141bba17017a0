"""Adds extensions to the commands: those that are installed, and those whose folders a setting names."""

import logging
from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path
from typing import TypeAlias

from voice_api.commands.answers.attached import ANSWERS
from voice_api.commands.conversation.place import Parts, Place
from voice_api.commands.language.check import interpreter
from voice_api.commands.language.understand import Interpreter
from voice_api.commands.registry.builtin import BUILT_IN
from voice_api.extensions.extension import Added, Extension
from voice_api.extensions.fitting import fitted, taken_at_first
from voice_api.extensions.installed import installed
from voice_api.extensions.manifest import in_folder
from voice_api.extensions.names import NamesOf

MakesParts: TypeAlias = Callable[[Interpreter, Place], Parts]

log = logging.getLogger("voice_api.extensions")


def every_extension(folder: Path | None) -> Added:
    """VoiceApiError for one that cannot be used."""
    return added((*installed(), *(in_folder(folder) if folder else ())))


def added(extensions: Iterable[Extension]) -> Added:
    """What these add together; VoiceApiError where one does not fit, or two bring the same."""
    every = tuple(extensions)
    taken = taken_at_first()
    for each in every:
        taken = fitted(each, taken)
        log.info("extension", extra={"extension": each.name, "functions": sorted(each.functions)})

    def close() -> None:
        for each in every:
            each.close()

    return Added(
        {name: function for each in every for name, function in each.functions.items()},
        {name: answer for each in every for name, answer in each.answers.items()},
        tuple(file for each in every for file in each.grammar),
        {kind: NamesOf(kind, asked) for each in every for kind, asked in each.names.items()},
        close,
    )


def language(added: Added, own: Iterable[Path] = ()) -> Interpreter:
    """What understands sentences, with those of extensions and of `own` files; VoiceApiError if broken."""
    return interpreter((*added.grammar, *own), {**BUILT_IN, **added.functions})


def knowing_extensions(parts: MakesParts | None, added: Added) -> MakesParts | None:
    """The same conversation, in which extensions answer what is theirs."""
    if not added.answers:
        return parts

    def made(interpreter: Interpreter, here: Place) -> Parts:
        before = parts(interpreter, here) if parts else Parts(interpreter, ANSWERS, here)
        return replace(before, facts={**before.facts, **added.answers})

    return made

"""Puts a language model beside the grammar, where the settings name one; without one nothing is different."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, cast

from voice_api.commands.answers.attached import ANSWERS
from voice_api.commands.conversation.place import Answerer, Parts, Place
from voice_api.commands.language.understand import Interpreter
from voice_api.commands.suggesting.chat import Prompt
from voice_api.commands.suggesting.offered import sayable
from voice_api.commands.suggesting.suggester import Suggester
from voice_api.commands.suggesting.summary import Summariser
from voice_api.engines.keys import key_in
from voice_api.errors import VoiceApiError
from voice_api.figures import Figures
from voice_api.language_model.address import checked_address
from voice_api.language_model.dialects import HEALTH_SECONDS
from voice_api.settings import Settings, SettingsError
from voice_api.spoken_budget import MakesParts

if TYPE_CHECKING:
    from voice_api.language_model.dialects import Kind
    from voice_api.language_model.server import LanguageModel
    from voice_api.language_model.watch import Watch


@dataclass(frozen=True, slots=True)
class Times:
    """Deadlines in seconds: of understanding a sentence, and of a summary."""

    sentence: float
    summary: float


class Thinking:
    """A language model, or none."""

    def __init__(self, model: "LanguageModel | None", times: Times) -> None:
        self.model, self._times = model, times
        self._figures: Figures | None = None
        self._prompts: tuple[Prompt, ...] = ()
        self._watch: Watch | None = None

    def with_model(self, parts: MakesParts | None) -> MakesParts | None:
        """The same conversation, which asks the model what the grammar misses, and for summaries."""
        model = self.model
        if model is None:
            return parts

        def made(interpreter: Interpreter, here: Place) -> Parts:
            before = parts(interpreter, here) if parts else Parts(interpreter, ANSWERS, here)
            seconds, functions = self._times.sentence, sayable(interpreter.functions)
            suggester = Suggester(model, functions, interpreter.grammar, seconds, tell=self._count)
            self._prompts = suggester.beginnings()
            facts = {**before.facts, **summaries(Summariser(model, self._times.summary))}
            return replace(before, suggester=suggester, facts=facts)

        return made

    def count_in(self, figures: Figures) -> None:
        """Count in these figures from now on."""
        self._figures = figures
        if self.model is not None:
            ready = figures.language_model_ready.labels(self.model.name)
            figures.watch(ready, lambda: self._watch is not None and self._watch.ready)

    def begin(self) -> None:
        """Look after the model from now on, once there is a conversation that asks it."""
        if self.model is not None:
            from voice_api.language_model.watch import Watch

            self._watch = Watch(self.model, self._prompts)

    def close(self) -> None:
        if self._watch is not None:
            self._watch.close()
        if self.model is not None:
            self.model.close()

    def _count(self, outcome: str) -> None:
        if self._figures is not None:
            self._figures.language_model.labels(outcome).inc()


def thinks(settings: Settings, health_seconds: float = HEALTH_SECONDS) -> Thinking:
    """SettingsError for an address that cannot be asked, or a model that has to be named.

    `health_seconds` are for the look whether its server is there.
    """
    times = Times(settings.language_model_seconds, settings.language_model_summary_seconds)
    if not settings.language_model_address:
        return Thinking(None, times)
    from voice_api.language_model.server import LanguageModel, Where

    kind = cast("Kind", settings.language_model_kind)
    if kind != "llama.cpp" and not settings.language_model_name:
        message = f"language_model_name is empty, and {kind} serves many models"
        raise SettingsError(message, "name the model as that server calls it")
    try:
        address = checked_address(settings.language_model_address, own_only=settings.local_only)
    except VoiceApiError as error:
        raise SettingsError(error.message, error.fix) from None
    if kind != "openai":
        address = address.removesuffix("/v1")
    file = settings.language_model_key_file
    key: Callable[[], str] = partial(key_in, Path(file)) if file else lambda: ""
    where = Where(kind, address, settings.language_model_name, key)
    return Thinking(LanguageModel(where, health_seconds=health_seconds), times)


def summaries(summariser: Summariser) -> Mapping[str, Answerer]:
    """Answers to what asks for a summary, by function."""
    return {
        "summarise_logs": summariser.answering(ANSWERS["logs"], _lines),
        "summarise_events": summariser.answering(ANSWERS["events"], _happened),
    }


def _lines(data: Mapping[str, object]) -> list[str]:
    lines = data.get("lines")
    return [str(each) for each in lines] if isinstance(lines, list) else []


def _happened(data: Mapping[str, object]) -> list[str]:
    """The oldest first, as a log has it."""
    events = data.get("events")
    found = [each for each in events if isinstance(each, Mapping)] if isinstance(events, list) else []
    parts = ("at", "type", "kind", "name", "reason", "message")
    return [" ".join(str(each.get(part) or "") for part in parts) for each in reversed(found)]

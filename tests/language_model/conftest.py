"""A small server of a language model, and somebody who talks to a conversation that has one."""

import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "conversation"))
sys.path.insert(0, str(Path(__file__).parent))

import small_server as servers
from lab import Lab
from small_server import Small

from voice_api.commands.confirmation.store import PendingsInMemory
from voice_api.commands.conversation.acting import Acting
from voice_api.commands.conversation.turn import Turn
from voice_api.commands.core import CommandCore, Reply
from voice_api.commands.language.check import interpreter
from voice_api.commands.policy import User
from voice_api.commands.registry.declaring import EVERYWHERE
from voice_api.figures import Figures
from voice_api.settings import Settings, load_settings
from voice_api.thinking import thinks

ADA = User("ada", frozenset({"operator"}), EVERYWHERE)
LANGUAGE = interpreter()
HEALTH_SECONDS = 60.0
"""A machine with much else to do answers late, and is well all the same."""


@dataclass
class Talk:
    """What ada says, as she types it, in one conversation with a model behind the grammar."""

    core: CommandCore
    lab: Lab
    store: PendingsInMemory
    figures: Figures
    turn: Turn = field(default_factory=lambda: Turn(ADA, "kitchen", command="cmd_1"))

    def __call__(self, text: str, **other: object) -> Reply:
        return self.core.answer(text, replace(self.turn, **other))  # type: ignore[arg-type]

    def outcomes(self, outcome: str) -> float:
        return float(self.figures.language_model.labels(outcome)._value.get())


@pytest.fixture
def servers_module() -> ModuleType:
    return servers


@pytest.fixture
def small() -> Iterator[Small]:
    with servers.small_server() as server:
        yield server


@pytest.fixture
def settings_of(small: Small) -> Callable[..., Settings]:
    """Settings with this server, and all the time they allow; others by name."""

    def settings(**values: Any) -> Settings:
        here = {"language_model_address": small.address, "language_model_seconds": 30.0}
        return load_settings(None, {**here, **values}, {})

    return settings


@pytest.fixture
def talking(settings_of: Callable[..., Settings]) -> Iterator[Callable[..., Talk]]:
    """Begins a conversation under settings."""
    with ExitStack() as endings:

        def begin(**values: Any) -> Talk:
            thinking = thinks(settings_of(**values), HEALTH_SECONDS)
            endings.callback(thinking.close)
            figures = Figures()
            thinking.count_in(figures)
            lab, store = Lab(), PendingsInMemory()
            acting = Acting(lab, b"k" * 32, store, recorder=lab)  # type: ignore[arg-type]
            core = CommandCore(lab, LANGUAGE, thinking.with_model(acting))  # type: ignore[arg-type]
            return Talk(core, lab, store, figures)

        yield begin


@pytest.fixture
def talk(talking: Callable[..., Talk]) -> Talk:
    return talking()

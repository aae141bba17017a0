"""The lab of these tests and a person who talks to it."""

import sys
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from lab import Lab

from voice_api.commands.confirmation.store import PendingsInMemory
from voice_api.commands.conversation.acting import Acting
from voice_api.commands.conversation.turn import Turn
from voice_api.commands.core import CommandCore, Reply
from voice_api.commands.language.check import interpreter
from voice_api.commands.policy import User
from voice_api.commands.registry.declaring import EVERYWHERE

ADA = User("ada", frozenset({"operator"}), EVERYWHERE)
KEY = b"k" * 32
LANGUAGE = interpreter()


@dataclass
class Talk:
    """What ada says, as she types it, in one conversation."""

    core: CommandCore
    lab: Lab
    store: PendingsInMemory
    turn: Turn = field(default_factory=lambda: Turn(ADA, "kitchen", command="cmd_1"))

    def __call__(self, text: str, **other: object) -> Reply:
        return self.core.answer(text, replace(self.turn, **other))  # type: ignore[arg-type]

    def replicas(self, name: str = "cart", namespace: str = "shop") -> int:
        return self.lab.objects[namespace, name].replicas


@pytest.fixture
def talk() -> Talk:
    lab, store = Lab(), PendingsInMemory()
    core = CommandCore(lab, LANGUAGE, Acting(lab, KEY, store, recorder=lab))  # type: ignore[arg-type]
    return Talk(core, lab, store)


@pytest.fixture
def another_replica() -> Callable[[Talk], Talk]:
    """The same service, started a second time over the same store."""

    def start(talk: Talk) -> Talk:
        core = CommandCore(talk.lab, LANGUAGE, Acting(talk.lab, KEY, talk.store, talk.lab))  # type: ignore[arg-type]
        return replace(talk, core=core)

    return start

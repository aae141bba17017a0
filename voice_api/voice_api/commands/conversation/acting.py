"""A conversation in which changes are made: with who acts, where questions wait, and what is recorded."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import TypeAlias

from voice_api.cluster.protocol import Cluster
from voice_api.commands.answers.attached import ANSWERS
from voice_api.commands.confirmation.store import PendingsInMemory, PendingStore
from voice_api.commands.conversation.executor import Executor, Recorder
from voice_api.commands.conversation.place import Answerer, Parts, Place
from voice_api.commands.conversation.places import Places
from voice_api.commands.conversation.settling import Settling
from voice_api.commands.conversation.staging import Staging
from voice_api.commands.language.understand import Interpreter

Opened: TypeAlias = tuple[Cluster, Executor | None]
Opens: TypeAlias = Callable[[str], Opened]


@dataclass(frozen=True, slots=True)
class Acting:
    """Given to a CommandCore as its `parts`.

    key    seals questions; of at least 32 bytes, and the same for every replica
    store  the same for every replica
    facts  answers that come from elsewhere than the cluster, by function: "cost", "budget"
    opens  the cluster of another context, and who acts in it
    """

    executor: Executor
    key: bytes = field(repr=False)
    store: PendingStore = field(default_factory=PendingsInMemory)
    recorder: Recorder | None = None
    facts: Mapping[str, Answerer] = field(default_factory=dict)
    opens: Opens | None = None

    def __call__(self, interpreter: Interpreter, here: Place) -> Parts:
        staging = Staging(self.executor, interpreter.functions, self.store, self.key)
        if self.opens is not None:
            staging = replace(staging, cluster=here.cluster.description.name)
        return Parts(
            interpreter,
            ANSWERS,
            replace(here, settling=Settling(staging)),
            opens=None if self.opens is None else Places(here, self.opens, staging),
            facts=self.facts,
            recorder=self.recorder,
        )


@dataclass(frozen=True, slots=True)
class Looking:
    """Given to a CommandCore as its `parts` where nobody acts, but there are several clusters to look at."""

    opens: Opens

    def __call__(self, interpreter: Interpreter, here: Place) -> Parts:
        return Parts(interpreter, ANSWERS, here, opens=Places(here, self.opens))

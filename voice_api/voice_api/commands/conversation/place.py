"""Where a conversation is, what it is made of, and a turn that was understood."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TypeAlias

from voice_api.cluster.protocol import Cluster
from voice_api.commands.confirmation.pending import Speaker
from voice_api.commands.conversation.catalogue import Catalogue
from voice_api.commands.conversation.executor import Executor, Recorder
from voice_api.commands.conversation.memory import Memory, State
from voice_api.commands.conversation.settling import Settling
from voice_api.commands.conversation.turn import Turn
from voice_api.commands.functions import Answer
from voice_api.commands.language.meanings import Question, Unclear
from voice_api.commands.language.understand import Interpreter, Understanding
from voice_api.commands.registry.declaring import Call
from voice_api.commands.suggesting.suggester import Suggester

Answerer: TypeAlias = Callable[[Cluster, Call], Answer]


@dataclass(frozen=True, slots=True)
class Place:
    """One cluster to talk about, and who acts in it; without an executor nothing is changed there."""

    cluster: Cluster
    catalogue: Catalogue
    settling: Settling | None = None

    @property
    def executor(self) -> Executor | None:
        return self.settling.staging.executor if self.settling else None

    def seen_by(self, turn: Turn) -> Cluster:
        return self.executor.cluster(turn.user) if self.executor else self.cluster

    def speaker(self, turn: Turn) -> Speaker:
        uid = self.executor.cluster_uid() if self.executor else ""
        return Speaker(turn.user.name, turn.session, self.cluster.description.name, uid)


@dataclass(frozen=True, slots=True)
class Parts:
    """What a conversation is made of.

    opens      the place of another context; VoiceApiError where there is none
    facts      answers that come from elsewhere than the cluster, by function: costs, budgets
    recorder   the journal, for everything that is no write
    suggester  understands what the grammar does not, if there is one
    """

    interpreter: Interpreter
    answers: Mapping[str, Answerer]
    here: Place
    memory: Memory = field(default_factory=Memory)
    opens: Callable[[str], Place] | None = None
    facts: Mapping[str, Answerer] = field(default_factory=dict)
    recorder: Recorder | None = None
    suggester: Suggester | None = None


@dataclass(frozen=True, slots=True)
class Heard:
    """A turn that was understood, where, and by whom.

    source  "grammar" or "language_model"
    """

    understanding: Understanding | Question | Unclear
    state: State
    place: Place
    source: str = "grammar"

"""What is behind the routes: what listens, what speaks, what answers, and which names it knows."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Protocol

from voice_api.cluster.protocol import ClusterDescription
from voice_api.commands.conversation.turn import ALONE, ANYBODY, Turn
from voice_api.commands.core import Reply
from voice_api.commands.policy import User
from voice_api.commands.registry.declaring import Function
from voice_api.model import LoadedModel
from voice_api.speech.protocol import Listener, Speaker, Understanding


class Answerer(Protocol):
    """Answers one command; blocking, and called from several threads."""

    def answer(self, text: str, turn: Turn = ALONE) -> Reply: ...

    def call(self, name: str, arguments: Mapping[str, object], turn: Turn = ALONE) -> Reply:
        """The same for a call that a program makes."""
        ...

    def settled(self, text: str, turn: Turn) -> Reply:
        """The same for an answer to a question, and nothing else."""
        ...

    @property
    def functions(self) -> Mapping[str, Function]:
        """What can be called, by name."""
        ...

    def understood(self, text: str) -> bool:
        """Whether a sentence is understood as it stands, by what the cluster says now; nothing is done."""
        ...

    def understanding(self, namespaces: tuple[str, ...]) -> Understanding:
        """What is understood of sentences where these are the namespaces; safe to ask from any thread."""
        ...


class Names(Protocol):
    """Names that may well be said; both answer at once."""

    def likely(self) -> tuple[str, ...]:
        """The likeliest first."""
        ...

    def namespaces(self) -> tuple[str, ...]:
        """The namespaces among them."""
        ...

    def said(self, names: Iterable[str]) -> None:
        """These were meant just now, and may well be said again."""
        ...


class NoNames:
    """For a service that is to favour no names."""

    def likely(self) -> tuple[str, ...]:
        return ()

    def namespaces(self) -> tuple[str, ...]:
        return ()

    def said(self, names: Iterable[str]) -> None:
        """Nothing is remembered."""


class Users(Protocol):
    """Who speaks, by what a request says of itself."""

    def speaker_of(self, authorization: str | None) -> User:
        """VoiceApiError 401 for credentials that are none."""
        ...


class Anybody:
    """For a service without users: whoever reaches it may ask, and nobody may change anything."""

    def speaker_of(self, _: str | None) -> User:
        return ANYBODY


@dataclass(frozen=True, slots=True)
class Engines:
    """The parts that a service is put together from."""

    listener: Listener
    speaker: Speaker
    commands: Answerer
    cluster: ClusterDescription
    names: Names = field(default_factory=NoNames)
    model: LoadedModel = field(default_factory=LoadedModel)
    users: Users = field(default_factory=Anybody)

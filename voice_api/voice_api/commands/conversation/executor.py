"""What a conversation needs of whoever acts: looks, reviews, dry runs and writes, each as the user."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Literal, Protocol, TypeAlias

from voice_api.cluster.protocol import Cluster
from voice_api.commands.confirmation.pending import Bound, Target
from voice_api.commands.conversation.turn import always
from voice_api.commands.level import Circumstances, Environment
from voice_api.commands.policy import User
from voice_api.commands.registry.declaring import Call, NoCall


@dataclass(frozen=True, slots=True)
class Met:
    """The object of a call as it is now, before anything is asked.

    target         what an answer will be bound to
    circumstances  what the level is judged by; `replicas` only where the call is absolute and sets them
    replicas       how many are wanted now, for a relative call; None where the object has none
    """

    target: Target
    circumstances: Circumstances
    replicas: int | None = None


@dataclass(frozen=True, slots=True)
class Preview:
    """What a call would change, by access review and dry run as the user.

    status      of the review (403 where it says no) or else of the dry run, for `after_dry_run`
    said        the change as a part of a sentence: "scale deployment api in shop from 3 to 5 replicas"
    difference  canonical text of it, secrets masked: its digest is what an answer is bound to
    why         a sentence, where the status is no success
    """

    status: int | None
    said: str = ""
    difference: str = ""
    why: str = ""


@dataclass(frozen=True, slots=True)
class Carried:
    """What a write came to, for `after_write`.

    said  a whole sentence about the outcome as it was verified: "api in shop has 5 of 5 replicas ready."
    """

    status: int | None
    said: str = ""
    data: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Order:
    """A change that was agreed to: the evidence for it, and what it is called in journals.

    wanted  whether anybody still waits to hear what comes of it
    """

    command: str
    bound: Bound
    transcript: str
    source: str
    level: str
    wanted: Callable[[], bool] = field(default=always, compare=False)


@dataclass(frozen=True, slots=True)
class Past:
    """One command of the journal, for "what did I do"."""

    at: float
    function: str
    said: str
    outcome: str


class Executor(Protocol):
    """Acts in one cluster. Blocking, safe in several threads; every call ends within a bounded time.

    Each raises VoiceApiError where the cluster cannot be asked (code not_found where the object is gone).
    """

    def cluster_uid(self) -> str:
        """What tells this cluster from every other one of that name."""
        ...

    def note(self, user: User) -> str:
        """A sentence about how this user's rights are held, or nothing where the cluster holds them."""
        ...

    def cluster(self, user: User) -> Cluster:
        """The cluster as this user sees it: all questions go through it."""
        ...

    def environment_at(self, namespace: str) -> Environment | None:
        """Which environment a namespace belongs to, or the cluster itself for none; None is not known."""
        ...

    def met(self, user: User, call: Call) -> Met: ...

    def preview(self, user: User, call: Call, met: Met) -> Preview: ...

    def carry_out(self, user: User, call: Call, order: Order) -> Carried:
        """Write once, with a journal record before it and one after it; no record, no write."""
        ...

    def inverse(self, user: User) -> Call | NoCall:
        """The call that takes this user's last change back, or why there is none. It is then staged."""
        ...

    def history(self, user: User, most: int) -> tuple[Past, ...]:
        """What this user did, the last first."""
        ...


Event: TypeAlias = Literal["answered", "denied", "refused", "asked", "settled", "cancelled", "unclear"]


class Recorder(Protocol):
    """The journal, for everything that is no write: answers, denials, questions, refused confirmations."""

    def record(self, event: Event, security: bool, content: Mapping[str, object]) -> None:
        """Never raises for reads: a full disk stops writes (in `carry_out`), not answers."""
        ...

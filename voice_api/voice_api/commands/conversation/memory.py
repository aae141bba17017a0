"""What is remembered of conversations: where each is, what it was asked, and what it spoke of last."""

import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

from voice_api.commands.language.meanings import Question
from voice_api.commands.language.names import LiveObject

MOST_CONVERSATIONS = 1_000
KEPT_SECONDS = 900.0


@dataclass(frozen=True, slots=True)
class State:
    """Of one conversation.

    home      the namespace that is meant where none is said
    context   the cluster, empty for the one it began with
    question  which of several names was meant; the next words may answer it
    last      the object that was spoken of, for "it"
    source    who understood what the question is about
    """

    home: str = ""
    context: str = ""
    question: Question | None = None
    last: LiveObject | None = None
    source: str = "grammar"


class Memory:
    """States by user and session; the oldest are forgotten first. Safe in several threads."""

    def __init__(self, clock: Callable[[], float] = time.monotonic, most: int = MOST_CONVERSATIONS) -> None:
        self._clock, self._most = clock, most
        self._states: OrderedDict[tuple[str, str], tuple[float, State]] = OrderedDict()
        self._lock = threading.Lock()

    def of(self, user: str, session: str) -> State:
        with self._lock:
            at, state = self._states.get((user, session), (0.0, State()))
            return state if self._clock() - at < KEPT_SECONDS else State()

    def keep(self, user: str, session: str, state: State) -> None:
        """For the next turn; without a session nothing is kept."""
        if not session:
            return
        with self._lock:
            self._states[user, session] = (self._clock(), state)
            self._states.move_to_end((user, session))
            while len(self._states) > self._most:
                self._states.popitem(last=False)

"""What work under way is told: whether somebody still waits for it, and when to let shorter work pass."""

import threading
import time
from collections.abc import Callable

from voice_api.speech.protocol import GivenUpError

LOOK_SECONDS = 0.05


class Ticket:
    """One job's; `amount` may be corrected by the work once it knows better."""

    def __init__(self, amount: float, give_way: "Callable[[Ticket], None]") -> None:
        self.amount = amount
        self._give_way = give_way
        self._given_up = threading.Event()

    def give_up(self) -> None:
        self._given_up.set()

    @property
    def given_up(self) -> bool:
        return self._given_up.is_set()

    def check(self) -> None:
        """GivenUpError when nobody waits any longer."""
        if self._given_up.is_set():
            raise GivenUpError

    def go_on(self) -> None:
        """As `check`; where the lane is a polite one, also blocks while shorter work runs."""
        self.check()
        self._give_way(self)
        self.check()


def no_way_to_give(_: Ticket) -> None:
    """For work that waits for no other."""


class Politeness:
    """Lets short work pass, but never for ever: after the longest wait there is a turn for the long work.

    However many short jobs come, long work has turn / (wait + turn) of the time.
    """

    def __init__(self, idle: threading.Event, longest_wait_seconds: float, turn_seconds: float) -> None:
        self._idle = idle
        self._longest_wait_seconds = longest_wait_seconds
        self._turn_seconds = turn_seconds
        self._turn_ends = 0.0

    def give_way(self, ticket: Ticket) -> None:
        """Return at once when no short work is there, or while the turn lasts."""
        if self._idle.is_set() or time.monotonic() < self._turn_ends:
            return
        end = time.monotonic() + self._longest_wait_seconds
        while not ticket.given_up and time.monotonic() < end:
            if self._idle.wait(LOOK_SECONDS):
                return
        self._turn_ends = time.monotonic() + self._turn_seconds

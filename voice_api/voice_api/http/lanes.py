"""Which lanes there are: short commands, long files, speech, questions to the cluster, engines elsewhere."""

from dataclasses import dataclass

from voice_api.http.lane import Lane, Room
from voice_api.http.tickets import Politeness
from voice_api.http.tidying import Tidying
from voice_api.settings import Settings

LONGEST_WAIT_SECONDS = 0.5
TURN_SECONDS = 0.05
"""Long work waits at most so long for short work at a time, and then has a turn of its own.

An eleventh of the time is its own so, and a command is held up by a few tokens rather than by many.
"""

SPEAKING_THREADS = 2
"""A short reply is spoken beside a long text: the synthesiser takes them sentence by sentence."""

ACTING_THREADS = 4
"""A change is followed for seconds, and a language model thinks as long: others are not held up by it."""

ELSEWHERE_THREADS = 8
"""Who finds none of them free is answered here: nobody waits to be able to wait."""


@dataclass(frozen=True, slots=True)
class Lanes:
    """Short and long hear, speaking speaks, acting asks the cluster, elsewhere asks engines elsewhere."""

    short: Lane
    long: Lane
    speaking: Lane
    acting: Lane
    elsewhere: Lane

    @property
    def named(self) -> dict[str, Lane]:
        hearing = {"short": self.short, "long": self.long}
        return {**hearing, "speaking": self.speaking, "acting": self.acting, "elsewhere": self.elsewhere}

    @property
    def busy_seconds(self) -> float:
        """Of the work that has been running longest; 0 when all are idle."""
        return max(lane.busy_seconds for lane in self.named.values())

    @property
    def hearing_seconds(self) -> float:
        """The same of what listens."""
        return max(self.short.busy_seconds, self.long.busy_seconds)

    @property
    def waiting(self) -> int:
        """Requests that wait for a model."""
        return self.short.waiting + self.long.waiting + self.speaking.waiting

    def refuse_if_full(self) -> None:
        """Raise the 429 of the lane for short sounds when no lane that hears has a place left."""
        if self.long.full:
            self.short.refuse_if_full()

    def stop(self) -> None:
        for lane in self.named.values():
            lane.stop()


def open_lanes(settings: Settings) -> Lanes:
    """Lanes with their threads started; `stop` ends them."""
    room = Room(settings.max_waiting, settings.max_queue_seconds)
    tidying = Tidying()
    short = Lane("short", room, tidy=tidying.after)
    polite = (Politeness(short.idle, LONGEST_WAIT_SECONDS, TURN_SECONDS) for _ in range(2))
    return Lanes(
        short=short,
        long=Lane("long", room, give_way=next(polite).give_way, tidy=tidying.after),
        speaking=Lane("speaking", room, SPEAKING_THREADS, next(polite).give_way),
        acting=Lane("acting", Room(settings.max_waiting), ACTING_THREADS),
        elsewhere=Lane("elsewhere", Room(0), ELSEWHERE_THREADS),
    )

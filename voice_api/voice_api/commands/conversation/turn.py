"""One utterance with everything around it: who says it, in which conversation, and how it came in."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from voice_api.commands.policy import User
from voice_api.commands.registry.declaring import EVERYWHERE

ANYBODY = User("anybody", frozenset({"viewer"}), EVERYWHERE)


def always() -> bool:
    """Somebody waits, for all that is known."""
    return True


@dataclass(frozen=True, slots=True)
class Turn:
    """What surrounds the words.

    session     of the conversation; without one nothing is remembered, and nothing can be confirmed
    spoken      whether it was heard; what was typed or clicked has no echo
    since       how many seconds passed between the end of the question's sound and the beginning of
                this speech; None where nobody says so
    pending     the question that a program answers
    command     what this turn is called in journals
    words       what was said; the core fills it in
    timings     milliseconds of each stage so far, asked when the turn is recorded
    wanted      whether anybody still waits to hear what comes of it
    """

    user: User = field(default=ANYBODY)
    session: str = ""
    spoken: bool = False
    since: float | None = None
    pending: str | None = None
    command: str = ""
    words: str = ""
    timings: Callable[[], Mapping[str, float]] = field(default=dict, compare=False)
    wanted: Callable[[], bool] = field(default=always, compare=False)


ALONE = Turn()

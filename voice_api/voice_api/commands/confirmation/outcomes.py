"""What follows from the API server's answers around a confirmation: to the dry run, and to the write."""

from dataclasses import dataclass
from typing import Literal, TypeAlias

Next: TypeAlias = Literal["ask", "done", "ask_again", "denied", "gone", "not_shown", "look"]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What to do next, and what is said about it. `security` is an event of its own in the journal."""

    next: Next
    said: str
    security: bool = False


def after_dry_run(status: int | None) -> Outcome:
    """Whether there is a change to ask about. What could not be shown is never asked about, nor done.

    status  HTTP status of the dry run as the user; None where no answer came
    """
    match status:
        case 200 | 201:
            return Outcome("ask", "")
        case 401 | 403:
            return Outcome("denied", "The cluster does not let you do this.")
        case 404:
            return Outcome("gone", "It is not there any more.")
        case 409:
            return Outcome("ask_again", "It was just changed by somebody else.")
        case None:
            return Outcome("not_shown", "The cluster did not answer, so I did nothing.")
        case _:
            return Outcome("not_shown", "The cluster does not accept this change, so I did nothing.")


def after_write(status: int | None) -> Outcome:
    """What a confirmed write came to. None is repeated: whoever said yes said it to one attempt.

    status  HTTP status of the write; None where no answer came, after which it may have happened or not
    """
    match status:
        case 200 | 201 | 202:
            return Outcome("done", "")
        case 401 | 403:
            said = "The cluster refused it, though it had said that you may."
            return Outcome("denied", said, security=True)
        case 404:
            return Outcome("gone", "It was gone before I could change it.")
        case 409:
            return Outcome("ask_again", "It was changed after I asked you, so I ask again.")
        case status if status is not None and 400 <= status < 500:
            return Outcome("not_shown", "The cluster did not accept the change, and nothing was done.")
        case _:
            return Outcome("look", "The cluster did not say whether it was done. I look.")

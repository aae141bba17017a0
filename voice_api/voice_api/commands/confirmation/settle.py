"""What becomes of an answer: which question it settles, if it settles one, and what is said otherwise."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal, TypeAlias

from voice_api.commands.confirmation.answers import Wanted, meaning
from voice_api.commands.confirmation.echo import echoes, too_early
from voice_api.commands.confirmation.pending import WRONG_CODES, Bound, Pending, Speaker, State, genuine
from voice_api.commands.registry.declaring import Confirmation

# A clock that runs this much behind the moment of staging is wrong: nothing is settled by it.
SKEW_SECONDS = 5.0
NOBODY = Wanted(name="", code="")


Why: TypeAlias = Literal["nothing_asked", "used", "expired", "other_user", "other_session", "other_context",
                         "echo", "too_early", "tampered", "clock"]  # fmt: skip


@dataclass(frozen=True, slots=True)
class Heard:
    """An answer as it came in.

    id     the question it points to, as a click or a program does; None for spoken words
    began  when the speech began, on the store's clock; None for what was not spoken
    """

    text: str
    speaker: Speaker
    now: float
    id: str | None = None
    began: float | None = None
    spoken: bool = True


@dataclass(frozen=True, slots=True)
class Settled:
    """The question is answered; `before` is to be exchanged for `after` in the store before anything else."""

    before: Pending
    after: Pending


@dataclass(frozen=True, slots=True)
class Cancelled:
    """Nothing is done. `security` where somebody may have tried something."""

    before: Pending
    after: Pending
    why: str
    security: bool = False


@dataclass(frozen=True, slots=True)
class AskAgain:
    """The question stands, and needs another answer; `after` counts the wrong ones."""

    before: Pending
    after: Pending
    why: Literal["name_or_code", "wrong_code"]


@dataclass(frozen=True, slots=True)
class AskWhich:
    """Several questions stand: which is meant?"""

    pendings: tuple[Pending, ...]


@dataclass(frozen=True, slots=True)
class Refused:
    """This settles nothing. `security` is for the journal as an event of its own."""

    why: Why
    security: bool


@dataclass(frozen=True, slots=True)
class NoAnswer:
    """These words are something else: a new command, which cancels what is asked."""


Verdict: TypeAlias = Settled | Cancelled | AskAgain | AskWhich | Refused | NoAnswer
SUSPICIOUS = frozenset({"used", "other_user", "other_session", "tampered"})


def settled(heard: Heard, pendings: Sequence[Pending], key: bytes) -> Verdict:
    """What `heard` does to these questions: all that the store has for its id, or for its session."""
    mine = [each for each in pendings if heard.id is None or each.id == heard.id]
    meant = [each for each in mine if heard.id is not None or _open(each, heard)]
    if not meant:
        return _nothing_meant(heard, mine)
    pointed = [each for each in meant if meaning(heard.text, _wanted(each)) in {"name", "code"}]
    if len(meant) > 1 and len(pointed) != 1:
        return _which(heard, tuple(meant))
    pending = (pointed or meant)[0]
    refusal = _refusal(heard, pending, key)
    return refusal or _by_meaning(heard, pending)


def _which(heard: Heard, meant: tuple[Pending, ...]) -> Verdict:
    said = {meaning(heard.text, _wanted(each)) for each in meant}
    return NoAnswer() if said == {"other"} else AskWhich(meant)


def _nothing_meant(heard: Heard, mine: list[Pending]) -> Verdict:
    """A yes to nothing is told why; other words are a command of their own."""
    wanted = [_wanted(each) for each in mine] or [NOBODY]
    if heard.id is None and all(meaning(heard.text, each) == "other" for each in wanted):
        return NoAnswer()
    whys = [why for each in mine if (why := _unfit(heard, each))]
    return _refused(whys[0]) if whys else _refused("nothing_asked")


def _by_meaning(heard: Heard, pending: Pending) -> Verdict:
    means = meaning(heard.text, _wanted(pending))
    strong = pending.confirmation is Confirmation.NAME_OR_CODE
    match means:
        case "no":
            return Cancelled(pending, replace(pending, state=State.CANCELLED), "the answer was no")
        case "other":
            return NoAnswer()
        case "wrong_code":
            return _wrong(pending)
        case "yes" if strong:
            return AskAgain(pending, pending, "name_or_code")
        case _:
            return Settled(pending, replace(pending, state=State.USED))


def _wrong(pending: Pending) -> Verdict:
    counted = replace(pending, wrong=pending.wrong + 1)
    if counted.wrong < WRONG_CODES:
        return AskAgain(pending, counted, "wrong_code")
    return Cancelled(pending, replace(counted, state=State.CANCELLED), "the code was wrong three times", True)


def _refusal(heard: Heard, pending: Pending, key: bytes) -> Refused | None:
    if not genuine(pending, key):
        return _refused("tampered")
    if unfit := _unfit(heard, pending):
        return _refused(unfit)
    if meaning(heard.text, _wanted(pending)) == "no":
        return None  # a no always counts, whenever it came
    if heard.spoken and echoes(heard.text, pending.question):
        return _refused("echo")
    return _refused("too_early") if heard.spoken and too_early(heard.began, pending.played) else None


def _unfit(heard: Heard, pending: Pending) -> Why | None:
    """Why this answer cannot be one to this question, whatever it says."""
    asked, speaks = pending.bound.speaker, heard.speaker
    if asked.user != speaks.user:
        return "other_user"
    if asked.session != speaks.session:
        return "other_session"
    if (asked.context, asked.cluster_uid) != (speaks.context, speaks.cluster_uid):
        return "other_context"
    if pending.state is not State.OPEN:
        return "used"
    if heard.now < pending.staged - SKEW_SECONDS:
        return "clock"
    return "expired" if heard.now >= pending.expires else None


def _open(pending: Pending, heard: Heard) -> bool:
    return _unfit(heard, pending) is None


def _refused(why: Why) -> Refused:
    return Refused(why, why in SUSPICIOUS)


def _wanted(pending: Pending) -> Wanted:
    return Wanted(pending.bound.target.name, pending.code)


def cancelled(pendings: Sequence[Pending], why: str) -> tuple[Cancelled, ...]:
    """All that is open, taken back: a new command, another context, a logout, another policy."""
    return tuple(
        Cancelled(each, replace(each, state=State.CANCELLED), why)
        for each in pendings
        if each.state is State.OPEN
    )


def drift(asked: Bound, found: Bound) -> str | None:
    """What is not as it was asked about, looked at again after the yes; None where it may go on."""
    before, now = asked.target, found.target
    differences = (
        (asked.speaker != found.speaker, "it is another cluster, user or session"),
        ((asked.function, asked.arguments) != (found.function, found.arguments), "it is another call"),
        (before.uid != now.uid, "it is another object of that name"),
        ((before.kind, before.namespace, before.name) != (now.kind, now.namespace, now.name), "it moved"),
        (before.generation != now.generation, "somebody has changed it"),
        (asked.diff_sha256 != found.diff_sha256, "the change would be another one"),
        (asked.level != found.level, "it is of another level"),
    )
    return next((why for differs, why in differences if differs), None)

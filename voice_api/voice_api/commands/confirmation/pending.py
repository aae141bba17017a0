"""What waits for a yes: one call with everything that it is bound to, sealed, and used at most once."""

import hashlib
import hmac
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from enum import StrEnum
from typing import Any

from voice_api.commands.registry.declaring import Confirmation

VOICE_SECONDS = 60.0
CLICK_SECONDS = 300.0
WRONG_CODES = 3


class State(StrEnum):
    """OPEN until it is settled once and for all."""

    OPEN = "OPEN"
    USED = "USED"
    CANCELLED = "CANCELLED"


@dataclass(frozen=True, slots=True)
class Target:
    """The object as it was when it was asked about.

    generation         moves with what somebody wants, not with its status
    resource_version   moves with everything; only a precondition for the write, never drift by itself
    """

    kind: str
    namespace: str
    name: str
    uid: str
    generation: int
    resource_version: str


@dataclass(frozen=True, slots=True)
class Speaker:
    """Who speaks, in which session, about which cluster."""

    user: str
    session: str
    context: str
    cluster_uid: str


@dataclass(frozen=True, slots=True)
class Bound:
    """What a question is about, to the last detail; an answer can change none of it.

    arguments    canonical JSON, absolute values: what was "double" is a number here
    base         what a relative wish was computed from, in words, or nothing
    diff_sha256  of the difference that the dry run showed
    source       who understood the wish: "grammar" or "language_model"
    """

    speaker: Speaker
    function: str
    arguments: str
    level: str
    target: Target
    diff_sha256: str
    base: str = ""
    source: str = "grammar"


@dataclass(frozen=True, slots=True)
class Pending:
    """One question; times in seconds of the store's clock.

    code      two digits that the question speaks; for NAME_OR_CODE
    question  the text that is spoken
    played    when it had been played to its end, None before that
    wrong     how many wrong codes were answered
    seal      HMAC of everything that was asked about
    """

    id: str
    bound: Bound
    confirmation: Confirmation
    code: str
    question: str
    staged: float
    expires: float
    played: float | None = None
    wrong: int = 0
    state: State = State.OPEN
    seal: str = ""


def canonical(arguments: Mapping[str, Any]) -> str:
    """The same text for the same arguments, whatever their order."""
    return json.dumps(arguments, sort_keys=True, separators=(",", ":"), ensure_ascii=True, allow_nan=False)


def digest(difference: str) -> str:
    return hashlib.sha256(difference.encode()).hexdigest()


def staged(
    bound: Bound,
    confirmation: Confirmation,
    question: str,
    *,
    identifier: str,
    code: str,
    now: float,
    key: bytes,
) -> Pending:
    """A new question. `identifier` has 128 random bits; `code` is two random digits."""
    pending = Pending(identifier, bound, confirmation, code, question, now, now + CLICK_SECONDS)
    return replace(pending, seal=_seal(pending, key))


def played(pending: Pending, now: float) -> Pending:
    """The question has been heard to its end: from now on a spoken answer counts, for a minute."""
    if pending.played is not None or pending.state is not State.OPEN:
        return pending
    return replace(pending, played=now, expires=min(pending.expires, now + VOICE_SECONDS))


def genuine(pending: Pending, key: bytes) -> bool:
    """Whether nobody has changed in the store what was asked about."""
    return hmac.compare_digest(pending.seal, _seal(pending, key))


def _seal(pending: Pending, key: bytes) -> str:
    """Over all but what moves while it waits: whether it was played, answered or used."""
    fixed = {
        "id": pending.id,
        "bound": asdict(pending.bound),
        "confirmation": pending.confirmation.value,
        "code": pending.code,
        "question": pending.question,
        "staged": pending.staged,
    }
    return hmac.new(key, canonical(fixed).encode(), hashlib.sha256).hexdigest()

"""A line of the ledger and what may become of it; pure.

    held ── send ──► sent ── settle ──► settled
     │                │
     └── release ─────┴──► released          held, time over: lapsed       sent, time over: expired

The one who turns held into sent may call the engine, and nobody else. What was never sent and is over was
never spent; what was sent and never settled counts as spent in full, for the engine may have done it all.
"""

from dataclasses import dataclass, replace
from typing import Literal

from voice_api.usage.amounts import NOTHING, Amounts

Written = Literal["held", "sent", "settled", "released"]
Standing = Literal["held", "sent", "settled", "released", "lapsed", "expired"]


@dataclass(frozen=True, slots=True)
class Ask:
    """A wish to spend at most `amounts`.

    idempotency_key    the same wish again has the same key
    lives_ms           how long it may take, longer than the engine's deadline
    """

    idempotency_key: str
    engine: str
    caller: str
    amounts: Amounts
    lives_ms: int

    def __post_init__(self) -> None:
        if self.amounts == NOTHING or self.lives_ms <= 0:
            raise ValueError(f"a wish for nothing: {self}")


@dataclass(frozen=True, slots=True)
class Entry:
    """One line; times in milliseconds since 1970 in UTC.

    attempt   counts the wishes under one idempotency key of which nothing came
    held      what was asked for
    counted   what counts: held while it is open, what was spent once it is settled
    at        reserved, then sent
    over_at   when it is over at the latest, and once it is over, when it was
    """

    idempotency_key: str
    attempt: int
    engine: str
    caller: str
    state: Written
    held: Amounts
    counted: Amounts
    at: int
    expires_at: int
    over_at: int

    def standing(self, now: int) -> Standing:
        """How it stands, time considered."""
        if now < self.expires_at:
            return self.state
        match self.state:
            case "held":
                return "lapsed"
            case "sent":
                return "expired"
            case _:
                return self.state


def opened(ask: Ask, attempt: int, now: int) -> Entry:
    """A new line."""
    over = now + ask.lives_ms
    names = (ask.idempotency_key, attempt, ask.engine, ask.caller)
    return Entry(*names, "held", ask.amounts, ask.amounts, now, over, over)


def sent(entry: Entry, now: int) -> Entry | None:
    """The line once the call goes out; None when it may not, because it did already or is over."""
    if entry.standing(now) != "held":
        return None
    return replace(entry, state="sent", at=now)


def settled(entry: Entry, spent: Amounts, now: int) -> Entry:
    """The line once it is known what was spent, however late; the first settlement stands.

    What is told after it was over belongs to when it was over, for a call never outlives its line.
    """
    if entry.state == "settled":
        return entry
    at = now if entry.state == "held" else entry.at
    return replace(entry, state="settled", counted=spent, at=at, over_at=min(now, entry.expires_at))


def released(entry: Entry, now: int) -> Entry:
    """The line when nothing was spent; a request that went out is counted as one nevertheless."""
    if entry.state in ("settled", "released"):
        return entry
    tried = Amounts(requests=entry.held.requests) if entry.state == "sent" else NOTHING
    return replace(entry, state="released", counted=tried, over_at=min(now, entry.expires_at))

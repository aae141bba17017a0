"""One call to an engine that costs: held, sent, made, and settled by what came of it."""

import json
import logging
from collections.abc import Callable
from dataclasses import dataclass
from hashlib import sha256
from typing import Generic, TypeVar

from voice_api.engines.choice import Reason
from voice_api.engines.engine import Engine
from voice_api.engines.failure import EngineFailedError, Failure
from voice_api.errors import VoiceApiError
from voice_api.usage.amounts import Amounts
from voice_api.usage.budgets import Budget, Refused
from voice_api.usage.entries import Ask, Entry
from voice_api.usage.ledger import Exhausted, Granted, Ledger, Repeated
from voice_api.usage.windows import AtOnce, Moving

log = logging.getLogger("voice_api.engines")
Got = TypeVar("Got")


@dataclass(frozen=True, slots=True)
class Barred:
    """The engine was not called, and why; from when it might be, where that is known."""

    reason: Reason
    retry_at: int | None = None


@dataclass(frozen=True, slots=True)
class Purchase(Generic[Got]):
    """What an engine is asked for.

    most   what is held for it
    call   EngineFailedError where nothing comes of it
    spent  what it came to, once it was answered
    """

    engine: Engine
    most: Amounts
    call: Callable[[], Got]
    spent: Callable[[Got], Amounts]


def spend(
    purchase: Purchase[Got], ledger: Ledger, caller: str, idempotency_key: str, lives_ms: int
) -> Got | Failure | Barred:
    """Call the engine if the ledger has room; what else is raised counts in full."""
    name = purchase.engine.name
    ask = Ask(line_key(caller, idempotency_key, name), name, caller, purchase.most, lives_ms)
    try:
        entry = _held(ledger, ask)
        if isinstance(entry, Barred):
            return entry
        if not ledger.send(entry):
            return Barred("repeated")
    except VoiceApiError:
        return Barred("ledger_unavailable")
    try:
        got = purchase.call()
    except EngineFailedError as error:
        _failed(ledger, entry, error.failure)
        return error.failure
    _settle(ledger, entry, purchase.spent(got))
    return got


def line_key(*parts: str) -> str:
    """Of one length whatever a caller sends, and never the same for two callers."""
    return sha256(json.dumps(parts).encode()).hexdigest()


def _held(ledger: Ledger, ask: Ask) -> Entry | Barred:
    outcome = ledger.reserve(ask)
    return outcome.entry if isinstance(outcome, Granted) else barred_by(outcome)


def barred_by(refusal: Refused | Exhausted | Repeated | None) -> Barred:
    """Why the ledger does not let an engine be asked; None is that nothing can be written down."""
    match refusal:
        case None:
            return Barred("ledger_unavailable")
        case Repeated():
            return Barred("repeated")
        case Exhausted(until):
            return Barred("exhausted", until)
        case Refused(use, retry_at):
            return Barred(_reason(use.budget), retry_at)


def _reason(budget: Budget) -> Reason:
    match budget.window:
        case AtOnce():
            return "busy"
        case Moving():
            return "rate"
        case _:
            return "budget"


def _settle(ledger: Ledger, entry: Entry, spent: Amounts) -> None:
    """Where the ledger is gone by now, the line counts in full: the answer is given all the same."""
    try:
        ledger.settle(entry, spent)
    except VoiceApiError as error:
        _not_settled(entry, error)


def _failed(ledger: Ledger, entry: Entry, failure: Failure) -> None:
    try:
        if failure.spent:
            ledger.settle(entry, entry.held)
        else:
            ledger.release(entry)
        if failure.reason == "exhausted":
            ledger.exhaust(entry.engine, entry.caller)
    except VoiceApiError as error:
        _not_settled(entry, error)


def _not_settled(entry: Entry, error: VoiceApiError) -> None:
    log.warning("not settled", extra={"engine": entry.engine, "code": error.code})

"""One call to an engine that costs: held, sent, heard, and settled by what came of it."""

import json
import logging
from dataclasses import dataclass
from hashlib import sha256
from math import ceil

import numpy as np
from numpy.typing import NDArray

from voice_api.engines.choice import Reason
from voice_api.engines.engine import Engine
from voice_api.engines.failure import EngineFailedError, Failure
from voice_api.errors import VoiceApiError
from voice_api.speech.protocol import SAMPLE_RATE, Company, TranscribeOptions, Transcript
from voice_api.usage.amounts import Unit
from voice_api.usage.budgets import Refused
from voice_api.usage.entries import Ask, Entry
from voice_api.usage.ledger import Exhausted, Granted, Ledger, Repeated

log = logging.getLogger("voice_api.engines")


@dataclass(frozen=True, slots=True)
class Barred:
    """The engine was not called, and why; from when it might be, where that is known."""

    reason: Reason
    retry_at: int | None = None


@dataclass(frozen=True, slots=True)
class Call:
    """An engine and what it is asked to hear."""

    engine: Engine
    samples: NDArray[np.float32]
    options: TranscribeOptions
    company: Company

    @property
    def milliseconds(self) -> int:
        """Whole seconds, as providers count them."""
        return ceil(len(self.samples) / SAMPLE_RATE) * 1000


def spend(
    call: Call, ledger: Ledger, caller: str, idempotency_key: str, lives_ms: int
) -> Transcript | Failure | Barred:
    """Call the engine if the ledger has room; what else is raised counts in full."""
    name = call.engine.name
    amounts = call.engine.price.amounts(call.milliseconds)
    try:
        entry = _held(ledger, Ask(_key(caller, idempotency_key, name), name, caller, amounts, lives_ms))
        if isinstance(entry, Barred):
            return entry
        if not ledger.send(entry):
            return Barred("repeated")
    except VoiceApiError:
        return Barred("ledger_unavailable")
    outcome = _called(call)
    _settle(ledger, entry, call, outcome)
    return outcome


def _key(*parts: str) -> str:
    """Of one length whatever a caller sends, and never the same for two callers."""
    return sha256(json.dumps(parts).encode()).hexdigest()


def _held(ledger: Ledger, ask: Ask) -> Entry | Barred:
    match ledger.reserve(ask):
        case Granted(entry):
            return entry
        case Repeated():
            return Barred("repeated")
        case Exhausted(until):
            return Barred("exhausted", until)
        case Refused(use, retry_at):
            return Barred("rate" if use.budget.unit == Unit.REQUESTS else "budget", retry_at)


def _called(call: Call) -> Transcript | Failure:
    listener = call.engine.listener
    assert listener is not None, "only engines that listen are chosen"  # noqa: S101  for the types
    try:
        return listener.transcribe(call.samples, call.options, call.company)
    except EngineFailedError as error:
        return error.failure


def _settle(ledger: Ledger, entry: Entry, call: Call, outcome: Transcript | Failure) -> None:
    """Where the ledger is gone by now, the line counts in full: the answer is given all the same."""
    try:
        match outcome:
            case Transcript(billed_seconds=seconds):
                heard = call.milliseconds if seconds is None else ceil(seconds * 1000)
                ledger.settle(entry, call.engine.price.amounts(heard))
            case Failure(spent=True):
                ledger.settle(entry, entry.held)
            case Failure():
                ledger.release(entry)
        if isinstance(outcome, Failure) and outcome.reason == "exhausted":
            ledger.exhaust(entry.engine, entry.caller)
    except VoiceApiError as error:
        log.warning("not settled", extra={"engine": entry.engine, "code": error.code})

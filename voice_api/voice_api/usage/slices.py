"""A stream's budget, slice by slice: sound goes out only where a slice of the ledger covers it."""

import logging
from collections.abc import Callable
from dataclasses import replace

from voice_api.errors import VoiceApiError
from voice_api.usage.amounts import Amounts, Unit
from voice_api.usage.budgets import Refused
from voice_api.usage.entries import Ask, Entry
from voice_api.usage.ledger import Exhausted, Granted, Ledger, Repeated

log = logging.getLogger("voice_api.usage")
LEAST_MILLISECONDS = 1_000


class SlicedStream:
    """One stream; the first slice carries the request. Used by one thread.

    ask      what a whole slice asks for; its key gets the slice's number
    price    milliseconds of sound -> millionths of a euro
    refused  why there is no further slice; None where there is one, or where there is no ledger
    """

    def __init__(self, ledger: Ledger, ask: Ask, price: Callable[[int], int] = lambda _: 0) -> None:
        self._ledger = ledger
        self._ask = ask
        self._price = price
        self._slices: list[Entry] = []
        self._covered = 0
        self.refused: Refused | Exhausted | Repeated | None = None

    def covers(self, milliseconds: int) -> bool:
        """Whether sound up to there may go out; reserves what is missing, and settles what is full.

        Without a ledger nothing more goes out.
        """
        try:
            while self._covered < milliseconds:
                if not self._extended():
                    return False
        except VoiceApiError:
            return False
        return True

    def end(self, milliseconds: int) -> None:
        """The stream is over and so long; at most the last slice gives something back."""
        if not self._slices:
            return
        last = self._slices[-1]
        before = self._covered - last.held.milliseconds
        try:
            self._ledger.settle(last, self._amounts(last, max(0, milliseconds - before)))
        except VoiceApiError as error:
            log.warning("not settled", extra={"engine": last.engine, "code": error.code})

    def _extended(self) -> bool:
        entry = self._next()
        if entry is None or not self._ledger.send(entry):
            return False
        self._slices.append(entry)
        self._covered += entry.held.milliseconds
        return True

    def _next(self) -> Entry | None:
        """A whole slice, or what is left where that is less."""
        key = f"{self._ask.idempotency_key}/{len(self._slices)}"
        ask = replace(self._ask, idempotency_key=key, amounts=self._sized(self._ask.amounts.milliseconds))
        before = self._slices[-1] if self._slices else None
        match self._ledger.reserve(ask, before):
            case Refused(use) if use.budget.unit == Unit.MILLISECONDS and use.left >= LEAST_MILLISECONDS:
                rest = replace(ask, amounts=self._sized(use.left))
                return self._granted(self._ledger.reserve(rest, before))
            case outcome:
                return self._granted(outcome)

    def _granted(self, outcome: Granted | Refused | Exhausted | Repeated) -> Entry | None:
        if isinstance(outcome, Granted):
            return outcome.entry
        self.refused = outcome
        return None

    def _sized(self, milliseconds: int) -> Amounts:
        requests = 0 if self._slices else self._ask.amounts.requests
        price = self._price(milliseconds)
        return Amounts(requests=requests, milliseconds=milliseconds, microeuros=price)

    def _amounts(self, entry: Entry, milliseconds: int) -> Amounts:
        return replace(entry.held, milliseconds=milliseconds, microeuros=self._price(milliseconds))

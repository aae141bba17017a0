"""Hears with the engine that is wished, and with the local one in the same request where that one cannot."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from math import ceil

import numpy as np
from numpy.typing import NDArray

from voice_api.engines.choice import Answered, Candidate, Choice, Policy, Reason, choose
from voice_api.engines.engine import LOCAL, Engine
from voice_api.engines.failure import Failure
from voice_api.engines.gate import Gate
from voice_api.engines.openai_http import can_do
from voice_api.engines.spending import Barred, Call, spend
from voice_api.errors import VoiceApiError
from voice_api.speech.protocol import ALONE, SAMPLE_RATE, Company, TranscribeOptions, Transcript
from voice_api.usage.ledger import Ledger

LIVES_MS = 60_000
"""A line's time; an engine's deadline is far shorter."""

BY_BUDGET = frozenset({"budget", "rate", "exhausted", "busy", "throttled"})


@dataclass(frozen=True, slots=True)
class Wish:
    """Who asks, and by which policy.

    idempotency_key  of the request; the engine's name is added
    consents         whether this caller's sound may leave the machine
    insists          rather no answer than one by another engine
    """

    caller: str
    idempotency_key: str
    policy: Policy = "local"
    consents: bool = False
    insists: bool = False


@dataclass(frozen=True, slots=True)
class Hearing:
    """Engines in the order of the settings, local among them; local_only bars all others.

    gates  one for each engine that is not local
    clock  milliseconds since 1970, as the ledger's
    """

    engines: Sequence[Engine]
    ledger: Ledger
    gates: Mapping[str, Gate]
    local_only: bool = False
    clock: Callable[[], int] = lambda: time.time_ns() // 1_000_000

    def hear(
        self, samples: NDArray[np.float32], options: TranscribeOptions, wish: Wish, company: Company = ALONE
    ) -> tuple[Transcript, Answered]:
        """VoiceApiError 429 or 503 where the caller insists and another engine would have to answer."""
        barred: dict[str, Barred] = {}
        while True:
            choice = self._chosen(len(samples), options, wish, barred)
            engine = self._first(choice, wish, barred)
            if engine.name == LOCAL:
                return _hear(engine, samples, options, company), choice.answered(engine)
            call = Call(engine, samples, options, company)
            outcome = self._attempt(call, wish)
            match outcome:
                case Transcript():
                    return outcome, choice.answered(engine)
                case Failure():
                    return self._after(outcome, choice, call, wish)
                case Barred():
                    barred[engine.name] = outcome

    def _attempt(self, call: Call, wish: Wish) -> Transcript | Failure | Barred:
        gate = self.gates[call.engine.name]
        permission = gate.enter()
        if permission is None:
            return Barred(gate.obstacle or "busy")
        try:
            outcome = spend(call, self.ledger, wish.caller, wish.idempotency_key, LIVES_MS)
        except BaseException:
            gate.left(permission)
            raise
        match outcome:
            case Transcript():
                gate.worked(permission)
            case Failure():
                gate.failed(permission, outcome)
            case Barred():
                gate.left(permission)
        return outcome

    def _after(self, failure: Failure, choice: Choice, call: Call, wish: Wish) -> tuple[Transcript, Answered]:
        """Local answers once time was lost on another one."""
        local = next((engine for engine in choice.order if engine.name == LOCAL), None)
        if local is None or wish.insists:
            wait = failure.retry_after_seconds
            raise unavailable(failure.reason, None if wait is None else ceil(wait))
        answered = choice.answered(local, failure.reason)
        return _hear(local, call.samples, call.options, call.company), answered

    def _first(self, choice: Choice, wish: Wish, barred: Mapping[str, Barred]) -> Engine:
        """Who is tried; VoiceApiError when there is nobody, or another one than insisted on."""
        first = choice.order[0] if choice.order else None
        if first is not None and not (wish.insists and first.name != choice.wished):
            return first
        wished = barred.get(choice.wished or "")
        until = wished.retry_at if wished else None
        wait = None if until is None else max(1, ceil((until - self.clock()) / 1000))
        raise unavailable(choice.reason or "cannot", wait)

    def _chosen(
        self, samples: int, options: TranscribeOptions, wish: Wish, barred: Mapping[str, Barred]
    ) -> Choice:
        milliseconds = ceil(samples * 1000 / SAMPLE_RATE)
        candidates = [
            Candidate(
                engine,
                engine.price.amounts(milliseconds).microeuros,
                barred[engine.name].reason
                if engine.name in barred
                else self._obstacle(engine, options, wish),
            )
            for engine in self.engines
            if engine.can("listen")
        ]
        return choose(wish.policy, candidates)

    def _obstacle(self, engine: Engine, options: TranscribeOptions, wish: Wish) -> Reason | None:
        if not engine.leaves_machine:
            return None
        if self.local_only:
            return "local_only"
        if not wish.consents:
            return "no_consent"
        return self.gates[engine.name].obstacle if can_do(options) else "cannot"


def unavailable(reason: Reason, retry_after_seconds: int | None) -> VoiceApiError:
    """For a caller who insists: nobody else answers in the wished engine's place."""
    return VoiceApiError(
        "engine_unavailable",
        f"the engine that was insisted on does not answer ({reason})",
        "try again later, or let the local engine answer",
        429 if reason in BY_BUDGET else 503,
        retry_after_seconds=retry_after_seconds,
    )


def _hear(
    engine: Engine, samples: NDArray[np.float32], options: TranscribeOptions, company: Company
) -> Transcript:
    assert engine.listener is not None, "only engines that listen are chosen"  # noqa: S101  for the types
    return engine.listener.transcribe(samples, options, company)

"""Asks the engine that is wished, and the local one in the same request where that one cannot."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from math import ceil
from typing import Generic

from voice_api.engines.choice import Answered, Candidate, Choice, Policy, Reason, choose
from voice_api.engines.engine import LOCAL, Engine, Task
from voice_api.engines.failure import Failure
from voice_api.engines.gate import Gate
from voice_api.engines.spending import Barred, Got, Purchase, spend
from voice_api.errors import VoiceApiError
from voice_api.usage.amounts import Amounts
from voice_api.usage.ledger import Ledger

LIVES_MS = 60_000
"""A line's time; an engine's deadline is far shorter."""

BY_BUDGET = frozenset({"budget", "rate", "exhausted", "busy", "throttled"})


def now_milliseconds() -> int:
    """Since 1970."""
    return time.time_ns() // 1_000_000


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
class Wanted:
    """What engines are chosen for.

    able  whether an engine that is not local has what is asked for
    most  what it may come to
    """

    task: Task
    able: Callable[[Engine], bool]
    most: Callable[[Engine], Amounts]


@dataclass(frozen=True, slots=True)
class Ways(Generic[Got]):
    """How one and the same thing is asked of different engines.

    purchase  of an engine that is not local
    here      the local one's answer
    """

    task: Task
    able: Callable[[Engine], bool]
    purchase: Callable[[Engine], Purchase[Got]]
    here: Callable[[Engine], Got]

    @property
    def wanted(self) -> Wanted:
        return Wanted(self.task, self.able, lambda engine: self.purchase(engine).most)


@dataclass(frozen=True, slots=True)
class Asking:
    """Engines in the order of the settings, local among them; local_only bars all others.

    gates  one for each engine that is not local
    clock  milliseconds since 1970, as the ledger's
    """

    engines: Sequence[Engine]
    ledger: Ledger
    gates: Mapping[str, Gate]
    local_only: bool = False
    clock: Callable[[], int] = now_milliseconds

    def ask(self, ways: Ways[Got], wish: Wish) -> tuple[Got, Answered]:
        """The same as `elsewhere`, and local's own answer where it is to answer."""
        found = self.elsewhere(ways, wish)
        if not isinstance(found, Answered):
            return found
        return ways.here(next(engine for engine in self.engines if engine.name == LOCAL)), found

    def elsewhere(self, ways: Ways[Got], wish: Wish) -> tuple[Got, Answered] | Answered:
        """What another engine answers; or that local is to answer, and what it is to say of that.

        VoiceApiError 429 or 503 where the caller insists and another engine would have to answer.
        """
        barred: dict[str, Barred] = {}
        while True:
            choice = self.chosen(ways.wanted, wish, barred)
            engine = self.first(choice, wish, barred)
            if engine.name == LOCAL:
                return choice.answered(engine)
            outcome = self._attempt(ways.purchase(engine), wish)
            match outcome:
                case Failure():
                    return instead(outcome, choice, wish)[1]
                case Barred():
                    barred[engine.name] = outcome
                case _:
                    return outcome, choice.answered(engine)

    def chosen(self, wanted: Wanted, wish: Wish, barred: Mapping[str, Barred]) -> Choice:
        """Who is tried, `barred` being those that turned out not to be had."""
        candidates = [
            Candidate(
                engine,
                0 if engine.name == LOCAL else wanted.most(engine).microeuros,
                barred[engine.name].reason if engine.name in barred else self._obstacle(engine, wanted, wish),
            )
            for engine in self.engines
            if engine.can(wanted.task)
        ]
        return choose(wish.policy, candidates)

    def first(self, choice: Choice, wish: Wish, barred: Mapping[str, Barred]) -> Engine:
        """Who is tried; VoiceApiError when there is nobody, or another one than insisted on."""
        first = choice.order[0] if choice.order else None
        if first is not None and not (wish.insists and first.name != choice.wished):
            return first
        wished = barred.get(choice.wished or "")
        until = wished.retry_at if wished else None
        wait = None if until is None else max(1, ceil((until - self.clock()) / 1000))
        raise unavailable(choice.reason or "cannot", wait)

    def _attempt(self, purchase: Purchase[Got], wish: Wish) -> Got | Failure | Barred:
        gate = self.gates[purchase.engine.name]
        permission = gate.enter()
        if permission is None:
            return Barred(gate.obstacle or "busy")
        try:
            outcome = spend(purchase, self.ledger, wish.caller, wish.idempotency_key, LIVES_MS)
        except BaseException:
            gate.left(permission)
            raise
        match outcome:
            case Failure():
                gate.failed(permission, outcome)
            case Barred():
                gate.left(permission)
            case _:
                gate.worked(permission)
        return outcome

    def _obstacle(self, engine: Engine, wanted: Wanted, wish: Wish) -> Reason | None:
        if not engine.leaves_machine:
            return None
        if self.local_only:
            return "local_only"
        if not wish.consents:
            return "no_consent"
        return self.gates[engine.name].obstacle if wanted.able(engine) else "cannot"


def instead(failure: Failure, choice: Choice, wish: Wish) -> tuple[Engine, Answered]:
    """The local engine, once time was lost on another one; VoiceApiError for who insists."""
    local = next((engine for engine in choice.order if engine.name == LOCAL), None)
    if local is None or wish.insists:
        wait = failure.retry_after_seconds
        raise unavailable(failure.reason, None if wait is None else ceil(wait))
    return local, choice.answered(local, failure.reason)


def unavailable(reason: Reason, retry_after_seconds: int | None) -> VoiceApiError:
    """For a caller who insists: nobody else answers in the wished engine's place."""
    return VoiceApiError(
        "engine_unavailable",
        f"the engine that was insisted on does not answer ({reason})",
        "try again later, or let the local engine answer",
        429 if reason in BY_BUDGET else 503,
        retry_after_seconds=retry_after_seconds,
    )

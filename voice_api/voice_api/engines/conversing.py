"""Holds conversations with the engine that is wished, and goes on with the local one where that one fails."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from voice_api.engines.asking import LIVES_MS, Asking, Wanted, Wish, instead, now_milliseconds
from voice_api.engines.breaker import Permission
from voice_api.engines.choice import Answered, Choice
from voice_api.engines.engine import LOCAL, Conversation, Converser, Engine
from voice_api.engines.failure import EngineFailedError, Failure
from voice_api.engines.gate import Gate
from voice_api.engines.meter import Meter
from voice_api.engines.spending import Barred, line_key
from voice_api.engines.talk import ANSWER_SECONDS, Elsewhere, Talk
from voice_api.speech.turns import Probability
from voice_api.usage.entries import Ask
from voice_api.usage.ledger import Ledger

SLICE_MILLISECONDS = 15_000
"""Of a conversation is reserved at a time; so much is lost at most when a process is killed."""

Begun = tuple[Conversation, Meter]


@dataclass(frozen=True, slots=True)
class Conversing:
    """Fields as Asking's.

    probability         makes what tells speech from silence, for one conversation; None is silero
    answer_seconds      for which an answer of another engine is waited
    slice_milliseconds  of a conversation that are reserved at a time
    """

    engines: Sequence[Engine]
    ledger: Ledger
    gates: Mapping[str, Gate]
    local_only: bool = False
    clock: Callable[[], int] = now_milliseconds
    probability: Callable[[], Probability] | None = None
    answer_seconds: float = ANSWER_SECONDS
    slice_milliseconds: int = SLICE_MILLISECONDS

    def converse(self, instructions: str, wish: Wish) -> Talk:
        """VoiceApiError 429 or 503 where the caller insists and another engine would have to answer."""
        asking = Asking(self.engines, self.ledger, self.gates, self.local_only, self.clock)
        slice_of = self.slice_milliseconds
        wanted = Wanted("converse", lambda _: True, lambda engine: engine.price.amounts(slice_of))
        barred: dict[str, Barred] = {}
        while True:
            choice = asking.chosen(wanted, wish, barred)
            engine = asking.first(choice, wish, barred)
            if engine.name == LOCAL:
                return Talk(_converser(engine).converse(instructions), choice.answered(engine))
            begun = self._begun(engine, instructions, wish)
            match begun:
                case Failure():
                    local, answered = instead(begun, choice, wish)
                    return Talk(_converser(local).converse(instructions), answered)
                case Barred():
                    barred[engine.name] = begun
                case _:
                    return self._talk(*begun, choice, instructions, wish)

    def _talk(
        self, conversation: Conversation, meter: Meter, choice: Choice, instructions: str, wish: Wish
    ) -> Talk:
        def fallback(failure: Failure) -> tuple[Conversation, Answered]:
            local, answered = instead(failure, choice, wish)
            return _converser(local).converse(instructions), answered

        probability = self.probability() if self.probability else None
        answered = choice.answered(choice.order[0])
        return Talk(conversation, answered, Elsewhere(meter, fallback, probability, self.answer_seconds))

    def _begun(self, engine: Engine, instructions: str, wish: Wish) -> Begun | Failure | Barred:
        gate = self.gates[engine.name]
        permission = gate.enter()
        if permission is None:
            return Barred(gate.obstacle or "busy")
        meter = self._meter(engine, wish, gate, permission)
        if barred := meter.barred():
            meter.never_began()
            return barred
        try:
            return _converser(engine).converse(instructions), meter
        except EngineFailedError as error:
            meter.end(error.failure)
            return error.failure
        except BaseException:
            meter.end()
            raise

    def _meter(self, engine: Engine, wish: Wish, gate: Gate, permission: Permission) -> Meter:
        key = line_key(wish.caller, wish.idempotency_key, engine.name)
        amounts = engine.price.amounts(self.slice_milliseconds)
        ask = Ask(key, engine.name, wish.caller, amounts, LIVES_MS)
        return Meter(self.ledger, ask, lambda each: engine.price.amounts(each).microeuros, gate, permission)


def _converser(engine: Engine) -> Converser:
    assert engine.converser is not None, "only engines that converse are chosen"  # noqa: S101  for the types
    return engine.converser

"""Hears with the engine that is wished, and with the local one in the same request where that one cannot."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from math import ceil

import numpy as np
from numpy.typing import NDArray

from voice_api.engines.asking import Asking, Ways, Wish, now_milliseconds, unavailable
from voice_api.engines.choice import Answered
from voice_api.engines.engine import Engine
from voice_api.engines.gate import Gate
from voice_api.engines.spending import Purchase
from voice_api.speech.protocol import ALONE, SAMPLE_RATE, Company, Listener, TranscribeOptions, Transcript
from voice_api.usage.amounts import Amounts
from voice_api.usage.ledger import Ledger

__all__ = ["Hearing", "Wish", "unavailable"]


@dataclass(frozen=True, slots=True)
class Hearing:
    """Fields as Asking's."""

    engines: Sequence[Engine]
    ledger: Ledger
    gates: Mapping[str, Gate]
    local_only: bool = False
    clock: Callable[[], int] = now_milliseconds

    def hear(
        self, samples: NDArray[np.float32], options: TranscribeOptions, wish: Wish, company: Company = ALONE
    ) -> tuple[Transcript, Answered]:
        """VoiceApiError 429 or 503 where the caller insists and another engine would have to answer."""
        return self._asking.ask(_ways(samples, options, company), wish)

    def elsewhere(
        self, samples: NDArray[np.float32], options: TranscribeOptions, wish: Wish, company: Company = ALONE
    ) -> tuple[Transcript, Answered] | Answered:
        """The same, without local's own hearing: an Answered is what local is to say."""
        return self._asking.elsewhere(_ways(samples, options, company), wish)

    @property
    def _asking(self) -> Asking:
        return Asking(self.engines, self.ledger, self.gates, self.local_only, self.clock)


def can_do(options: TranscribeOptions) -> bool:
    """Whether an engine elsewhere has what is asked for; words and times are not in its answer."""
    return options.task == "transcribe" and not (options.words or options.timestamps)


def _ways(samples: NDArray[np.float32], options: TranscribeOptions, company: Company) -> Ways[Transcript]:
    # Whole seconds, as providers count them.
    milliseconds = ceil(len(samples) / SAMPLE_RATE) * 1000

    def heard(engine: Engine) -> Transcript:
        return _listener(engine).transcribe(samples, options, company)

    def purchase(engine: Engine) -> Purchase[Transcript]:
        def spent(transcript: Transcript) -> Amounts:
            seconds = transcript.billed_seconds
            return engine.price.amounts(milliseconds if seconds is None else ceil(seconds * 1000))

        return Purchase(engine, engine.price.amounts(milliseconds), lambda: heard(engine), spent)

    return Ways("listen", lambda _: can_do(options), purchase, heard)


def _listener(engine: Engine) -> Listener:
    assert engine.listener is not None, "only engines that listen are chosen"  # noqa: S101  for the types
    return engine.listener

"""Text spoken with the engine that is wished: every word is said, whatever becomes of it on the way."""

from collections.abc import Iterator
from dataclasses import replace
from decimal import Decimal
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from voice_api.engines.choice import Answered
from voice_api.engines.engine import Engine, Price
from voice_api.engines.gate import Gate
from voice_api.engines.hearing import Wish
from voice_api.engines.keys import key_in
from voice_api.engines.kinds import Description, engine_of
from voice_api.engines.speaking import Speaking
from voice_api.errors import VoiceApiError
from voice_api.speech.protocol import Voice
from voice_api.usage.amounts import Unit
from voice_api.usage.ledger import Ledger
from voice_api.usage.policy import Bounds, EnginePolicy, Policy
from voice_api.usage.store import SqlStore, sqlite_engine

NOW = 1_795_262_400_000
SHORT = "There are three pods."
LONG = " ".join(f"Pod number {number} of the namespace default is running quite well." for number in range(9))


class SpeaksHere:
    """Remembers what it was to say; its sound is as long as the text."""

    name, sample_rate = "here", 16_000

    def __init__(self) -> None:
        self.texts: list[str] = []

    def voices(self) -> tuple[Voice, ...]:
        return ()

    def speak(self, text: str, voice: str | None, speed: float) -> Iterator[NDArray[np.int16]]:
        self.texts.append(text)
        yield np.ones(160 * len(text), np.int16)


@pytest.fixture
def here() -> SpeaksHere:
    return SpeaksHere()


@pytest.fixture
def ledger(tmp_path: Path) -> Ledger:
    bounds = Bounds(requests_a_minute=10, characters=1_000, euros=Decimal(1))
    policy = Policy({"there": EnginePolicy(whole=bounds)})
    return Ledger(SqlStore(sqlite_engine(tmp_path / "usage.sqlite")), policy.budgets, lambda: NOW)


@pytest.fixture
def speaking(speech_server, key_file: Path, ledger: Ledger, here: SpeaksHere) -> Iterator[Speaking]:
    price = Price(thousand_characters=Decimal("0.15"))
    key = partial(key_in, key_file)
    there = engine_of(
        Description("there", "openai", key, f"{speech_server.address}/v1", price=price, deadline_seconds=100)
    )
    engines = (there, Engine("local", speaker=here, leaves_machine=False))
    yield Speaking(engines, ledger, {"there": Gate()}, clock=lambda: NOW)
    there.close()


def wish(key: str = "a", **others: bool) -> Wish:
    return replace(Wish("ann", key, "cloud", consents=True), **others)


def used(ledger: Ledger, unit: Unit) -> int:
    return next(use.used for use in ledger.uses("there", "ann") if use.budget.unit == unit)


def test_a_sentence_is_spoken_elsewhere_and_its_characters_are_counted(
    speaking: Speaking, ledger: Ledger, here: SpeaksHere
) -> None:
    spoken, answered = speaking.speak(SHORT, None, 1.0, wish())
    assert answered == Answered("there")
    assert (sum(piece.size for piece in spoken.pieces), spoken.sample_rate) == (12_000, 24_000)
    assert used(ledger, Unit.CHARACTERS) == len(SHORT)
    assert used(ledger, Unit.MICROEUROS) == 3_150
    assert not here.texts


@pytest.mark.parametrize(
    ("fault", "reason", "counted"),
    [
        ("429", "throttled", 0),
        ("500", "failed", 0),
        ("out of credit", "exhausted", 0),
        ("no sound", "failed", len(SHORT)),
        ("cut off within the answer", "closed", len(SHORT)),
    ],
)
def test_after_each_fault_it_is_spoken_here(
    speech_server, speaking: Speaking, here: SpeaksHere, *, fault: str, reason: str, counted: int
) -> None:
    speech_server.fault = fault
    spoken, answered = speaking.speak(SHORT, None, 1.0, wish())
    assert (answered.engine, answered.degraded, answered.reason) == ("local", True, reason)
    assert sum(piece.size for piece in spoken.pieces) == 160 * len(SHORT)
    assert here.texts == [SHORT]
    assert used(speaking.ledger, Unit.CHARACTERS) == counted


def test_from_where_it_fails_the_rest_is_spoken_here_at_the_same_rate(
    speech_server, speaking: Speaking, here: SpeaksHere
) -> None:
    told: list[Answered] = []
    spoken, answered = speaking.speak(LONG, None, 1.0, wish(), told.append)
    assert answered == Answered("there")
    pieces = iter(spoken.pieces)
    samples = next(pieces).size
    speech_server.fault = "500"
    samples += sum(piece.size for piece in pieces)
    assert speech_server.asked[0]["input"] + " " + here.texts[0] == LONG
    assert len(speech_server.asked) == 2, "the rest is not tried again, sentence by sentence"
    assert samples == pytest.approx(12_000 + 1.5 * 160 * len(here.texts[0]), abs=100)
    assert [(each.engine, each.reason) for each in told] == [("local", "failed")]


def test_a_budget_is_used_to_its_last_sentence(
    speech_server, speaking: Speaking, ledger: Ledger, here: SpeaksHere
) -> None:
    for number in range(2):
        list(speaking.speak(LONG, None, 1.0, wish(str(number)))[0].pieces)
    asked = " ".join(each["input"] for each in speech_server.asked)
    assert used(ledger, Unit.CHARACTERS) <= 1_000
    assert f"{asked} {' '.join(here.texts)}" == f"{LONG} {LONG}"


def test_who_insists_hears_nothing_of_another_engine(
    speech_server, speaking: Speaking, here: SpeaksHere
) -> None:
    speech_server.fault = "429"
    with pytest.raises(VoiceApiError, match="throttled") as caught:
        speaking.speak(SHORT, None, 1.0, wish(insists=True))
    assert caught.value.status == 429
    assert not here.texts


def test_without_consent_no_text_leaves(speech_server, speaking: Speaking, here: SpeaksHere) -> None:
    _, answered = speaking.speak(SHORT, None, 1.0, wish(consents=False))
    assert (answered.engine, answered.reason) == ("local", "no_consent")
    assert not speech_server.paths

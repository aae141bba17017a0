"""What an engine that fails adds to a request, with the deadlines that ship: 1.5 s, and never more."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from fake_engines.added import at_most, folder_in_memory
from numpy.typing import NDArray

from voice_api.engines.conversing import Conversing
from voice_api.engines.engine import Engine, local_engine
from voice_api.engines.gate import Gate
from voice_api.engines.hearing import Hearing, Wish
from voice_api.engines.keys import key_in
from voice_api.engines.kinds import Description, engine_of
from voice_api.engines.local_conversation import LocalConverser
from voice_api.engines.speaking import Speaking
from voice_api.speech.protocol import ALONE, Company, TranscribeOptions, Transcript
from voice_api.speech.speakers.espeak import EspeakSpeaker
from voice_api.usage.ledger import Ledger
from voice_api.usage.policy import Policy
from voice_api.usage.store import SqlStore, sqlite_engine

MOST_SECONDS = 1.5
NOW = 1_795_262_400_000
WISH = Wish("ann", "a", "cloud", consents=True)
SOUND = (np.sin(np.arange(16_000, dtype=np.float32) / 10) * 0.5).astype(np.float32)


class HeardHere:
    """Stands for the local model, whose own time is not what is added."""

    name = "here"

    def transcribe(
        self, samples: NDArray[np.float32], options: TranscribeOptions, company: Company = ALONE
    ) -> Transcript:
        return Transcript("heard here", "en", len(samples) / 16_000, (), 0.9, False, None, {})


@pytest.fixture
def ledger() -> Iterator[Ledger]:
    with folder_in_memory() as folder:
        store = SqlStore(sqlite_engine(folder / "usage.sqlite"))
        yield Ledger(store, Policy().budgets, lambda: NOW)
        store.close()


def local() -> Engine:
    speaker, here = EspeakSpeaker(), HeardHere()
    return local_engine(here, speaker, LocalConverser(here, str, speaker, probability=by_loudness))


def by_loudness():
    return lambda chunk: 1.0 if np.abs(chunk).max() > 0.05 else 0.0


@contextmanager
def engine(kind: str, address: str, key_file: Path) -> Iterator[Engine]:
    there = engine_of(Description("there", kind, partial(key_in, key_file), address))
    yield there
    there.close()


@pytest.mark.parametrize("fault", ["slow first byte", "a trickle", "500", "cut off within the answer"])
def test_of_a_request_to_hear_by_http(provider, ledger: Ledger, key_file: Path, fault: str) -> None:
    provider.fault = fault
    with engine("openai", provider.address, key_file) as there:
        hearing = Hearing((there, local()), ledger, {"there": Gate()})
        with at_most(MOST_SECONDS):
            assert hearing.hear(SOUND, TranscribeOptions(), WISH)[0].text == "heard here"


@pytest.mark.parametrize(
    "fault", ["slow first byte", "silent from the first", "silent", "deaf", "close 1011"]
)
def test_of_a_request_to_hear_how_it_was_said(evi_server, ledger: Ledger, key_file: Path, fault: str) -> None:
    evi_server.fault = fault
    with engine("hume", evi_server.address, key_file) as there:
        hearing = Hearing((there, local()), ledger, {"there": Gate()})
        with at_most(MOST_SECONDS):
            assert hearing.hear(SOUND, TranscribeOptions(), WISH)[0].text == "heard here"


@pytest.mark.parametrize("fault", ["slow first byte", "a trickle"])
def test_of_a_request_to_speak(speech_server, ledger: Ledger, key_file: Path, fault: str) -> None:
    speech_server.fault = fault
    with engine("openai", f"{speech_server.address}/v1", key_file) as there:
        speaking = Speaking((there, local()), ledger, {"there": Gate()})
        with at_most(MOST_SECONDS):
            spoken, answered = speaking.speak("three pods", None, 1.0, WISH)
            assert next(iter(spoken.pieces)).size
        assert answered.engine == "local"


@pytest.mark.parametrize("fault", ["slow first byte", "silent from the first"])
def test_of_a_conversation_that_does_not_begin(
    evi_server, ledger: Ledger, key_file: Path, fault: str
) -> None:
    evi_server.fault = fault
    with engine("hume", evi_server.address, key_file) as there:
        conversing = Conversing((there, local()), ledger, {"there": Gate()}, probability=by_loudness)
        with at_most(MOST_SECONDS):
            talk = conversing.converse("", WISH)
        assert talk.answered.engine == "local"
        talk.end()


@pytest.mark.parametrize("broken", ["deaf", "cable"])
def test_of_a_question_that_nobody_answers(
    evi_server, relay_to, ledger: Ledger, key_file: Path, broken: str
) -> None:
    relay = relay_to(evi_server.address)
    with engine("hume", relay.address, key_file) as there:
        conversing = Conversing((there, local()), ledger, {"there": Gate()}, probability=by_loudness)
        talk = conversing.converse("", WISH)
        evi_server.fault = "deaf" if broken == "deaf" else "none"
        if broken == "cable":
            relay.cut.set()
        question = np.concatenate((SOUND, np.zeros(9_600, np.float32)))
        with at_most(MOST_SECONDS):
            talk.send(question)
            assert next(each for each in talk.happenings() if each.what == "said").text == "heard here"
        assert (talk.answered.engine, talk.answered.reason) == ("local", "too_late")
        talk.end()

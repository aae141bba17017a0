"""A conversation elsewhere: whatever becomes of it, who speaks is answered, and the ledger is true."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from voice_api.engines.choice import Answered, Reason
from voice_api.engines.conversing import Conversing, Wish
from voice_api.engines.engine import Happening, local_engine
from voice_api.engines.gate import Gate
from voice_api.engines.keys import key_in
from voice_api.engines.kinds import Description, engine_of
from voice_api.engines.local_conversation import LocalConverser
from voice_api.engines.talk import Talk
from voice_api.errors import VoiceApiError
from voice_api.speech.protocol import ALONE, Company, TranscribeOptions, Transcript
from voice_api.speech.speakers.espeak import EspeakSpeaker
from voice_api.usage.amounts import Unit
from voice_api.usage.ledger import Ledger
from voice_api.usage.policy import EnginePolicy, Policy
from voice_api.usage.store import SqlStore, sqlite_engine

NOW = 1_795_262_400_000
DEADLINE, HASTY, PATIENCE = 100.0, 0.5, 60.0
SPEECH = (np.sin(np.arange(16_000, dtype=np.float32) / 10) * 0.5).astype(np.float32)
SILENCE = np.zeros(16_000, np.float32)
QUESTION = np.concatenate((SPEECH, SILENCE))
ELSEWHERE, HERE = "there are three of them", "three, said here"


class HeardHere:
    """Stands for the local model, which takes longer to load than these tests."""

    name = "here"

    def __init__(self) -> None:
        self.sounds: list[NDArray[np.float32]] = []

    def transcribe(
        self, samples: NDArray[np.float32], options: TranscribeOptions, company: Company = ALONE
    ) -> Transcript:
        self.sounds.append(samples)
        return Transcript("heard here", "en", len(samples) / 16_000, (), 0.9, False, None, {})


def by_loudness() -> Callable[[NDArray[np.float32]], float]:
    """Tones are no speech to silero; these tests are of what follows from the edges."""
    return lambda chunk: 1.0 if np.abs(chunk).max() > 0.05 else 0.0


def by_loudness_and_slowly() -> Callable[[NDArray[np.float32]], float]:
    """Takes the first half a second of silence for speech."""
    quiet = 0

    def probability(chunk: NDArray[np.float32]) -> float:
        nonlocal quiet
        quiet = 0 if np.abs(chunk).max() > 0.05 else quiet + 1
        return 1.0 if quiet < 16 else 0.0

    return probability


@pytest.fixture
def ledger(tmp_path: Path) -> Ledger:
    return Ledger(SqlStore(sqlite_engine(tmp_path / "usage.sqlite")), Policy().budgets, lambda: NOW)


@pytest.fixture
def here() -> HeardHere:
    return HeardHere()


@pytest.fixture(params=["hume", "openai-realtime"])
def server(request: pytest.FixtureRequest):
    name = {"hume": "evi_server", "openai-realtime": "realtime_server"}[request.param]
    server = request.getfixturevalue(name)
    server.kind = request.param
    return server


@pytest.fixture
def conversing(server, key_file: Path, ledger: Ledger, here: HeardHere) -> Iterator[Conversing]:
    yield from conversing_with(server.kind, server.address, key_file, ledger, here)


def conversing_with(
    kind: str, address: str, key_file: Path, ledger: Ledger, here: HeardHere
) -> Iterator[Conversing]:
    key = partial(key_in, key_file)
    there = engine_of(Description("there", kind, key, address, deadline_seconds=DEADLINE))
    speaker = EspeakSpeaker()
    local = LocalConverser(here, lambda _: HERE, speaker, probability=by_loudness)
    engines = (there, local_engine(here, speaker, local))
    gates = {"there": Gate(at_once=1)}
    yield Conversing(
        engines, ledger, gates, clock=lambda: NOW, probability=by_loudness, answer_seconds=DEADLINE
    )
    there.close()


def hasty(conversing: Conversing) -> Conversing:
    """The engine elsewhere is given little time."""
    there, local = conversing.engines
    converser = replace(there.converser, deadline_seconds=HASTY)  # type: ignore[type-var]
    return replace(conversing, engines=(replace(there, converser=converser), local), answer_seconds=HASTY)


def wish(key: str = "a", **others: bool) -> Wish:
    return replace(Wish("ann", key, "cloud", consents=True), **others)


def asked(talk: Talk, questions: int = 1) -> list[Happening]:
    """A question is spoken as somebody speaks it, and all is taken that comes until it is answered."""
    happenings: list[Happening] = []
    said = threading.Thread(target=lambda: say(talk), daemon=True)
    said.start()
    try:
        for happening in talk.happenings():
            happenings.append(happening)
            if happening.what == "answered":
                questions -= 1
                if not questions:
                    break
                threading.Thread(target=lambda: say(talk), daemon=True).start()
    finally:
        said.join(60)
        talk.end()
    return happenings


def say(talk: Talk, loudness: float = 1.0) -> None:
    for start in range(0, QUESTION.size, 1_600):
        talk.send(QUESTION[start : start + 1_600] * np.float32(loudness))


def answers(happenings: list[Happening]) -> list[str]:
    return [happening.text for happening in happenings if happening.what == "said"]


def used(ledger: Ledger, unit: Unit = Unit.MILLISECONDS) -> int:
    return next(use.used for use in ledger.uses("there", "ann") if use.budget.unit == unit)


def test_the_wished_engine_converses_and_its_time_is_written_down(
    conversing: Conversing, ledger: Ledger, here: HeardHere
) -> None:
    talk = conversing.converse("be brief", wish())
    assert talk.answered == Answered("there")
    happenings = asked(talk, questions=2)
    assert answers(happenings) == [ELSEWHERE, ELSEWHERE]
    assert sum(happening.what == "sound" for happening in happenings) == 4
    assert not here.sounds
    assert used(ledger, Unit.REQUESTS) == 1
    assert 0 < used(ledger) < 60_000
    assert conversing.gates["there"].obstacle is None


@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        ("429", "throttled"),
        ("503", "failed"),
        ("401", "refused"),
        ("402", "exhausted"),
        ("301", "failed"),
        ("slow first byte", "too_late"),
        ("silent from the first", "too_late"),
        ("out of credit", "exhausted"),
        ("too many at once", "throttled"),
        ("deaf", "too_late"),
        ("silent", "too_late"),
        ("close 1000", "closed"),
        ("close 1008", "refused"),
        ("close 1011", "failed"),
        ("close 1013", "throttled"),
        ("cut off", "closed"),
        ("cut off within the answer", "closed"),
        ("close within the answer", "failed"),
        ("out of credit within the answer", "exhausted"),
        ("no json", "failed"),
        ("binary", "failed"),
        ("no sound", "failed"),
    ],
)
def test_after_each_fault_the_same_question_is_answered_locally(
    server, conversing: Conversing, here: HeardHere, *, fault: str, reason: Reason
) -> None:
    server.fault = fault
    started = time.monotonic()
    talk = (hasty(conversing) if reason == "too_late" else conversing).converse("", wish())
    happenings = asked(talk)
    assert time.monotonic() - started < PATIENCE
    assert answers(happenings) == [HERE]
    assert talk.answered == Answered("local", degraded=True, reason=reason)
    assert any(happening.what == "sound" and happening.samples.any() for happening in happenings)
    assert here.sounds[0].size >= 16_000, "nothing of the question is lost"
    assert used(conversing.ledger, Unit.REQUESTS) == 1


def test_a_cable_that_is_cut_without_a_word_is_noticed(
    evi_server, relay_to, key_file: Path, ledger: Ledger, here: HeardHere
) -> None:
    relay = relay_to(evi_server.address)
    for conversing in conversing_with("hume", relay.address, key_file, ledger, here):
        talk = replace(conversing, answer_seconds=HASTY).converse("", wish())
        assert relay.connections == 1
        relay.cut.set()
        assert answers(asked(talk)) == [HERE]
        assert talk.answered == Answered("local", degraded=True, reason="too_late")


def test_a_month_used_up_by_others_meanwhile_ends_the_conversation_elsewhere(
    conversing: Conversing, ledger: Ledger
) -> None:
    short = replace(conversing, slice_milliseconds=1_000)
    started = time.monotonic()
    talk = short.converse("", wish())
    assert talk.answered == Answered("there")
    ledger.exhaust("there", "bob")
    happenings = talk.happenings()
    assert next(each for each in happenings if each.what == "engine").text == "local"
    lasted = 1_000 * (time.monotonic() - started)
    say(talk)
    assert next(each for each in happenings if each.what == "said").text == HERE
    assert talk.answered == Answered("local", degraded=True, reason="exhausted")
    talk.end()
    assert 0 < used(ledger) <= lasted


@pytest.mark.parametrize("barred", [{"local_only": True}, {"consents": False}])
def test_where_sound_may_not_leave_nobody_is_even_connected_to(
    server, conversing: Conversing, barred: dict[str, bool]
) -> None:
    only = replace(conversing, local_only=barred.get("local_only", False))
    talk = only.converse("", wish(consents=barred.get("consents", True)))
    assert answers(asked(talk)) == [HERE]
    reason = "local_only" if "local_only" in barred else "no_consent"
    assert talk.answered == Answered("local", degraded=True, reason=reason)
    assert not server.paths


def test_a_second_conversation_at_a_time_is_held_here_and_no_refusal_provoked(
    server, conversing: Conversing
) -> None:
    first = conversing.converse("", wish("first"))
    second = conversing.converse("", wish("second"))
    assert second.answered == Answered("local", degraded=True, reason="busy")
    assert answers(asked(second)) == [HERE]
    assert answers(asked(first)) == [ELSEWHERE]
    third = conversing.converse("", wish("third"))
    assert third.answered == Answered("there")
    third.end()
    assert len(server.paths) == 2


def test_a_replica_holds_its_conversations_here_for_as_long_as_another_ones_lasts(
    evi_server, key_file: Path, tmp_path: Path, here: HeardHere
) -> None:
    policy = Policy({"there": EnginePolicy(at_once=1)})
    with ExitStack() as replicas:

        def replica() -> Conversing:
            store = SqlStore(sqlite_engine(tmp_path / "usage.sqlite"))
            replicas.callback(store.close)
            ledger = Ledger(store, policy.budgets, lambda: NOW)
            made = contextmanager(conversing_with)("hume", evi_server.address, key_file, ledger, here)
            return replace(replicas.enter_context(made), slice_milliseconds=1_000)

        first, second = replica(), replica()
        talk = first.converse("", wish())
        threading.Thread(target=lambda: list(talk.happenings()), daemon=True).start()
        end = time.monotonic() + PATIENCE
        while used(first.ledger) <= 1_000:
            assert time.monotonic() < end, "its second slice has not begun"
            time.sleep(0.05)
        beside = second.converse("", wish("b"))
        assert beside.answered == Answered("local", degraded=True, reason="busy")
        beside.end()
        talk.end()
        after = second.converse("", wish("c"))
        assert after.answered == Answered("there")
        after.end()


def test_who_insists_is_told_at_once_and_on_the_way(server, conversing: Conversing) -> None:
    server.fault = "out of credit within the answer"
    with pytest.raises(VoiceApiError, match="exhausted") as caught:
        asked(conversing.converse("", wish("a", insists=True)))
    assert caught.value.status == 429
    with pytest.raises(VoiceApiError, match="exhausted") as caught:
        conversing.converse("", wish("b", insists=True))
    assert (caught.value.status, caught.value.retry_after_seconds) == (429, 9 * 86_400 + 43_200)


def test_after_five_failures_it_is_left_alone(server, conversing: Conversing) -> None:
    server.fault = "close 1011"
    reasons = []
    for number in range(7):
        talk = conversing.converse("", wish(str(number)))
        asked(talk)
        reasons.append(talk.answered.reason)
    assert reasons == ["failed"] * 5 + ["resting"] * 2
    assert len(server.paths) == 5


def test_the_local_engine_converses_alone(conversing: Conversing, here: HeardHere) -> None:
    talk = conversing.converse("", replace(wish(), policy="local"))
    happenings = asked(talk, questions=2)
    assert answers(happenings) == [HERE, HERE]
    assert talk.answered == Answered("local")
    assert used(conversing.ledger, Unit.REQUESTS) == 0


def test_a_conversation_that_was_refused_costs_a_request_and_no_time(
    server, conversing: Conversing, ledger: Ledger
) -> None:
    server.fault = "503"
    reasons = [conversing.converse("", wish(str(number))).answered.reason for number in range(6)]
    assert reasons == ["failed"] * 5 + ["resting"]
    assert (used(ledger), used(ledger, Unit.REQUESTS)) == (0, 5)


def test_what_was_answered_elsewhere_is_not_answered_again_here(
    server, conversing: Conversing, here: HeardHere
) -> None:
    talk = conversing.converse("", wish())
    happenings = talk.happenings()
    say(talk)
    assert next(each for each in happenings if each.what == "said").text == ELSEWHERE
    next(each for each in happenings if each.what == "answered")
    server.fault = "close within the answer"
    say(talk, loudness=0.5)
    assert next(each for each in happenings if each.what == "said").text == HERE
    talk.end()
    assert np.abs(here.sounds[0]).max() == pytest.approx(0.25, abs=0.01), "it is the second question"


def test_an_engine_that_knows_sooner_that_a_speech_has_ended_is_not_answered_for(
    realtime_server, key_file: Path, ledger: Ledger, here: HeardHere
) -> None:
    for conversing in conversing_with("openai-realtime", realtime_server.address, key_file, ledger, here):
        slow = replace(conversing, answer_seconds=HASTY, probability=by_loudness_and_slowly)
        talk = slow.converse("", wish())
        happenings = talk.happenings()
        pieces = np.array_split(np.concatenate((QUESTION, SILENCE)), 30)
        for piece in pieces[:17]:  # it answers after 0.4 s of silence, and our ear is sure after 1 s
            talk.send(piece)
        assert next(each for each in happenings if each.what == "said").text == ELSEWHERE
        next(each for each in happenings if each.what == "answered")
        for piece in pieces[17:]:
            talk.send(piece)
        over = threading.Timer(3 * HASTY, talk.end)
        over.start()
        assert [each.what for each in happenings] == ["ended"]
        assert talk.answered == Answered("there")
        assert not here.sounds


def test_what_fails_while_it_is_ended_is_not_gone_on_with(
    conversing: Conversing, ledger: Ledger, here: HeardHere
) -> None:
    talk = replace(conversing, slice_milliseconds=1_000).converse("", wish())
    ledger.exhaust("there", "bob")
    time.sleep(1.2)  # what was reserved is used up
    say(talk)
    talk.end()
    assert next(talk.happenings()).what == "ended"
    assert talk.answered == Answered("there")
    assert not here.sounds

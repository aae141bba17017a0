"""Whatever becomes of the wished engine: an answer in the same request, and a line in the ledger."""

import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from voice_api.engines.calls import Calls
from voice_api.engines.choice import Answered
from voice_api.engines.engine import Engine
from voice_api.engines.gate import Gate
from voice_api.engines.hearing import Hearing, Wish
from voice_api.engines.keys import key_in
from voice_api.engines.openai_http import OpenAiListener
from voice_api.errors import VoiceApiError
from voice_api.speech.protocol import ALONE, Company, GivenUpError, TranscribeOptions, Transcript
from voice_api.usage.amounts import Unit
from voice_api.usage.ledger import Ledger, Pages
from voice_api.usage.policy import Policy
from voice_api.usage.store import SqlStore, sqlite_engine, unavailable

SOUND = np.zeros(16_000 * 2, np.float32)
NOW = 1_795_262_400_000
DEADLINE, HASTY, PATIENCE = 100.0, 0.3, 60.0
"""Seconds: of a call that is to work on any machine, of one that is to be late, and for that to be seen."""

OPTIONS = TranscribeOptions()


class HeardHere:
    """Stands for the local model, which takes longer to load than these tests."""

    name = "here"

    def transcribe(
        self, samples: NDArray[np.float32], options: TranscribeOptions, company: Company = ALONE
    ) -> Transcript:
        return Transcript("heard here", "en", len(samples) / 16_000, (), 0.9, False, None, {})


@pytest.fixture
def ledger(tmp_path: Path) -> Ledger:
    return Ledger(SqlStore(sqlite_engine(tmp_path / "usage.sqlite")), Policy().budgets, lambda: NOW)


@pytest.fixture
def hearing(provider, key_file: Path, ledger: Ledger) -> Iterator[Hearing]:
    calls = Calls(provider.address)
    there = OpenAiListener("elsewhere", calls, "whisper-1", partial(key_in, key_file), DEADLINE)
    engines = (Engine("elsewhere", there), Engine("local", HeardHere(), leaves_machine=False))
    yield Hearing(engines, ledger, {"elsewhere": Gate()}, clock=lambda: NOW)
    calls.close()


def wish(key: str = "a", **others: bool) -> Wish:
    return replace(Wish("ann", key, "cloud", consents=True), **others)


def used(ledger: Ledger, unit: Unit = Unit.MILLISECONDS) -> int:
    return next(use.used for use in ledger.uses("elsewhere", "ann") if use.budget.unit == unit)


def local(reason: str) -> Answered:
    return Answered("local", degraded=True, reason=reason)  # type: ignore[arg-type]  # one of the words


def test_the_wished_engine_hears_and_its_bill_is_written_down(hearing: Hearing, ledger: Ledger) -> None:
    heard, answered = hearing.hear(SOUND, OPTIONS, wish())
    assert (heard.text, answered) == ("how many pods are running", Answered("elsewhere"))
    assert (used(ledger), used(ledger, Unit.REQUESTS)) == (3_000, 1)


@pytest.mark.parametrize(
    ("fault", "reason", "counted"),
    [
        ("429", "throttled", 0),
        ("500", "failed", 0),
        ("401", "refused", 0),
        ("400", "refused", 0),
        ("out of credit", "exhausted", 0),
        ("no json", "failed", 2_000),
        ("slow first byte", "too_late", 2_000),
        ("a trickle", "too_late", 2_000),
        ("cut off before the answer", "closed", 2_000),
        ("cut off within the answer", "closed", 2_000),
    ],
)
def test_after_each_fault_local_answers_in_the_same_request(
    provider, hearing: Hearing, *, fault: str, reason: str, counted: int
) -> None:
    provider.fault = fault
    asking = hasty(hearing) if reason == "too_late" else hearing
    started = time.monotonic()
    heard, answered = asking.hear(SOUND, OPTIONS, wish())
    assert time.monotonic() - started < PATIENCE
    assert (heard.text, answered) == ("heard here", local(reason))
    assert (used(hearing.ledger), used(hearing.ledger, Unit.REQUESTS)) == (counted, 1)


def hasty(hearing: Hearing) -> Hearing:
    """The same; the engine elsewhere is given little time."""
    there, here = hearing.engines
    assert isinstance(there.listener, OpenAiListener)
    quick = replace(there.listener, deadline_seconds=HASTY)
    return replace(hearing, engines=(replace(there, listener=quick), here))


def test_a_key_that_is_missing_costs_nothing_but_is_told(hearing: Hearing, key_file: Path) -> None:
    key_file.unlink()
    assert hearing.hear(SOUND, OPTIONS, wish())[1] == local("no_key")
    assert used(hearing.ledger) == 0


@pytest.mark.parametrize("barred", [{"local_only": True}, {"consents": False}])
def test_where_sound_may_not_leave_nobody_is_even_connected_to(
    provider, hearing: Hearing, barred: dict[str, bool]
) -> None:
    only = replace(hearing, local_only=barred.get("local_only", False))
    _, answered = only.hear(SOUND, OPTIONS, wish(consents=barred.get("consents", True)))
    assert answered == local("local_only" if "local_only" in barred else "no_consent")
    assert not provider.asked


def test_local_is_asked_without_the_ledger(hearing: Hearing) -> None:
    assert hearing.hear(SOUND, OPTIONS, replace(wish(), policy="local"))[1] == Answered("local")
    assert used(hearing.ledger, Unit.REQUESTS) == 0


def test_the_eleventh_request_of_a_minute_is_answered_by_local(provider, hearing: Hearing) -> None:
    answers = [hearing.hear(SOUND, OPTIONS, wish(str(number)))[1] for number in range(11)]
    assert answers == [Answered("elsewhere")] * 10 + [local("rate")]
    assert len(provider.asked) == 10


def test_beyond_the_budget_local_answers_and_who_insists_is_told_when_to_come_back(
    provider, hearing: Hearing
) -> None:
    assert hearing.hear(SOUND, OPTIONS, wish("a"))[1] == Answered("elsewhere")
    provider.billed_seconds = 596
    assert hearing.hear(SOUND, OPTIONS, wish("b"))[1] == Answered("elsewhere")
    assert hearing.hear(SOUND, OPTIONS, wish("c"))[1] == local("budget")
    with pytest.raises(VoiceApiError, match="insisted") as caught:
        hearing.hear(SOUND, OPTIONS, wish("d", insists=True))
    assert (caught.value.status, caught.value.retry_after_seconds) == (429, 9 * 86_400 + 43_200)
    assert len(provider.asked) == 2


@pytest.mark.parametrize(("fault", "status", "seconds"), [("429", 429, 7), ("500", 503, 7)])
def test_who_insists_is_told_of_a_failure_instead(
    provider, hearing: Hearing, *, fault: str, status: int, seconds: int
) -> None:
    provider.fault, provider.retry_after = fault, "7"
    with pytest.raises(VoiceApiError, match="insisted") as caught:
        hearing.hear(SOUND, OPTIONS, wish(insists=True))
    assert (caught.value.status, caught.value.retry_after_seconds) == (status, seconds)


def test_after_five_failures_it_is_left_alone(provider, hearing: Hearing) -> None:
    provider.fault = "500"
    answers = [hearing.hear(SOUND, OPTIONS, wish(str(number)))[1] for number in range(7)]
    assert answers == [local("failed")] * 5 + [local("resting")] * 2
    assert len(provider.asked) == 5


def test_our_own_faults_do_not_make_it_rest(provider, hearing: Hearing) -> None:
    provider.fault = "400"
    answers = [hearing.hear(SOUND, OPTIONS, wish(str(number)))[1] for number in range(7)]
    assert answers == [local("refused")] * 7


def test_a_free_tier_that_is_used_up_is_known_after_a_restart(provider, hearing: Hearing) -> None:
    provider.fault = "out of credit"
    assert hearing.hear(SOUND, OPTIONS, wish("a"))[1] == local("exhausted")
    provider.fault = "none"
    again = replace(hearing, gates={"elsewhere": Gate()})
    assert again.hear(SOUND, OPTIONS, wish("b"))[1] == local("exhausted")
    assert len(provider.asked) == 1


def test_a_request_that_comes_again_is_not_paid_again(provider, hearing: Hearing) -> None:
    hearing.hear(SOUND, OPTIONS, wish("same"))
    assert hearing.hear(SOUND, OPTIONS, wish("same"))[1] == local("repeated")
    assert (len(provider.asked), used(hearing.ledger)) == (1, 3_000)


def test_two_callers_who_choose_the_same_key_do_not_meet(provider, hearing: Hearing) -> None:
    long = "k" * 100_000
    assert hearing.hear(SOUND, OPTIONS, wish(long))[1] == Answered("elsewhere")
    assert hearing.hear(SOUND, OPTIONS, replace(wish(long), caller="bob"))[1] == Answered("elsewhere")


def test_of_five_at_once_one_goes_out_where_it_takes_one(provider, hearing: Hearing) -> None:
    provider.fault = "slow first byte"
    one = replace(hearing, gates={"elsewhere": Gate(at_once=1)})
    with ThreadPoolExecutor(5) as threads:
        first = threads.submit(one.hear, SOUND, OPTIONS, wish("first"))
        wait_until(lambda: bool(provider.asked))
        others = [one.hear(SOUND, OPTIONS, wish(str(number)))[1] for number in range(4)]
        provider.fault = "none"
        provider.let_go.set()
        assert first.result(60)[1] == Answered("elsewhere")
    assert others == [local("busy")] * 4
    assert len(provider.asked) == 1


def test_without_a_ledger_nothing_is_spent_and_local_answers(provider, hearing: Hearing) -> None:
    class Gone:
        @contextmanager
        def writing(self) -> Iterator[Pages]:
            raise unavailable("it is gone")
            yield

    lost = replace(hearing, ledger=Ledger(Gone(), Policy().budgets, lambda: NOW))
    assert lost.hear(SOUND, OPTIONS, wish())[1] == local("ledger_unavailable")
    assert not provider.asked


def test_what_a_caller_left_behind_counts_in_full(provider, hearing: Hearing) -> None:
    provider.fault = "slow first byte"

    def leave() -> None:
        if provider.asked:
            raise GivenUpError

    with pytest.raises(GivenUpError):
        hearing.hear(SOUND, OPTIONS, wish(), Company(leave))
    assert used(hearing.ledger) == 2_000
    provider.fault = "none"
    assert hearing.hear(SOUND, OPTIONS, wish("next"))[1] == Answered("elsewhere")


def test_times_of_words_are_heard_here(provider, hearing: Hearing) -> None:
    assert hearing.hear(SOUND, replace(OPTIONS, words=True), wish())[1] == local("cannot")
    assert not provider.asked


def wait_until(true: Callable[[], bool]) -> None:
    end, pause = time.monotonic() + 60, threading.Event()
    while not true():
        assert time.monotonic() < end
        pause.wait(0.01)

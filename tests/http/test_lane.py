"""A lane: work in turn, bounded in number and amount, and quick to forget what nobody waits for."""

import asyncio
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import pytest

from voice_api.errors import VoiceApiError
from voice_api.http.lane import Lane, Room
from voice_api.http.rate import Rate
from voice_api.http.tickets import Politeness, Ticket
from voice_api.speech.protocol import GivenUpError


@pytest.fixture
def lane() -> Iterator[Lane]:
    lane = Lane("test", Room(waiting=2))
    yield lane
    lane.stop()


class Watching(asyncio.SelectorEventLoop):
    """Looks at a lane in the moment in which its thread hands a result over."""

    def __init__(self, lane: Lane) -> None:
        super().__init__()
        self.seen: list[tuple[bool, float, bool]] = []
        self._lane = lane

    def call_soon_threadsafe(self, *given: Any, **more: Any) -> asyncio.Handle:
        self.seen.append((self._lane.full, self._lane.busy_seconds, self._lane.idle.is_set()))
        return super().call_soon_threadsafe(*given, **more)


class Gate:
    """Work that says when it begins and ends when it is told to."""

    def __init__(self) -> None:
        self.begun = threading.Event()
        self.may_end = threading.Event()

    def __call__(self, ticket: Ticket) -> bool:
        self.begun.set()
        assert self.may_end.wait(60)
        return ticket.given_up


async def begun(gate: Gate) -> None:
    assert await asyncio.to_thread(gate.begun.wait, 60)


def test_work_runs_in_turn_on_one_thread(lane: Lane) -> None:
    async def three() -> list[tuple[int, int]]:
        work = [lane.run(lambda _, n=number: (n, threading.get_ident())) for number in range(3)]
        return await asyncio.gather(*work)

    results = asyncio.run(three())
    assert [number for number, _ in results] == [0, 1, 2]
    assert len({thread for _, thread in results}) == 1


def test_one_too_many_is_refused_with_whole_seconds_to_wait(lane: Lane) -> None:
    gate = Gate()

    async def crowd() -> VoiceApiError:
        running = asyncio.ensure_future(lane.run(gate))
        await begun(gate)
        waiting = [asyncio.ensure_future(lane.run(lambda _: 1)) for _ in range(2)]
        await asyncio.sleep(0)
        with pytest.raises(VoiceApiError) as caught:
            await lane.run(lambda _: 1)
        gate.may_end.set()
        assert await asyncio.gather(*waiting) == [1, 1]
        await running
        return caught.value

    error = asyncio.run(crowd())
    assert (error.code, error.status) == ("queue_full", 429)
    assert isinstance(error.retry_after_seconds, int)
    assert error.retry_after_seconds >= 1


def test_what_was_cancelled_before_it_began_never_runs(lane: Lane) -> None:
    gate = Gate()
    ran = []

    async def leave() -> None:
        running = asyncio.ensure_future(lane.run(gate))
        await begun(gate)
        leaving = asyncio.ensure_future(lane.run(lambda _: ran.append(1)))
        await asyncio.sleep(0)
        assert lane.waiting == 1
        leaving.cancel()
        await asyncio.gather(leaving, return_exceptions=True)
        assert lane.waiting == 0
        gate.may_end.set()
        await running
        await lane.run(lambda _: None)

    asyncio.run(leave())
    assert ran == []


def test_what_runs_learns_that_nobody_waits_for_it(lane: Lane) -> None:
    gate = Gate()
    seen = []

    async def leave() -> None:
        leaving = asyncio.ensure_future(lane.run(lambda ticket: seen.append(gate(ticket))))
        await begun(gate)
        leaving.cancel()
        await asyncio.gather(leaving, return_exceptions=True)
        gate.may_end.set()
        await lane.run(lambda _: None)

    asyncio.run(leave())
    assert seen == [True]


def test_an_error_of_the_work_is_raised_where_it_is_awaited_and_the_thread_lives_on(lane: Lane) -> None:
    def fail(_: Ticket) -> None:
        raise KeyError("broken")

    async def fail_then_work() -> int:
        with pytest.raises(KeyError):
            await lane.run(fail)
        return await lane.run(lambda _: 7)

    assert asyncio.run(fail_then_work()) == 7


@pytest.mark.parametrize("fails", [False, True])
def test_who_has_an_answer_finds_its_place_free(*, fails: bool) -> None:
    lane = Lane("test", Room(waiting=0))
    loop = Watching(lane)

    def work(_: Ticket) -> None:
        if fails:
            raise KeyError("broken")

    with asyncio.Runner(loop_factory=lambda: loop) as runner, suppress(KeyError):
        runner.run(lane.run(work))
    lane.stop()
    assert loop.seen == [(False, 0.0, True)]


def test_after_stop_whoever_waits_is_told(lane: Lane) -> None:
    gate = Gate()

    async def stop() -> list[object]:
        running = asyncio.ensure_future(lane.run(gate))
        await begun(gate)
        waiting = asyncio.ensure_future(lane.run(lambda _: 1))
        await asyncio.sleep(0)
        lane.stop()
        gate.may_end.set()
        return await asyncio.gather(running, waiting, lane.run(lambda _: 1), return_exceptions=True)

    ended, told, refused = asyncio.run(stop())
    assert ended is False
    assert isinstance(told, VoiceApiError)
    assert told.code == "stopping"
    assert isinstance(refused, VoiceApiError)


def test_a_lane_is_full_by_the_amount_that_is_in_it_but_takes_any_single_job() -> None:
    lane, gate = Lane("test", Room(waiting=9, amount=100)), Gate()
    lane.rate.learn(1, 1000)  # so slow that nothing is done by itself while the test looks

    async def fill() -> VoiceApiError:
        running = asyncio.ensure_future(lane.run(gate, 500))
        await begun(gate)
        with pytest.raises(VoiceApiError) as caught:
            await lane.run(lambda _: 1, 1)
        gate.may_end.set()
        await running
        return caught.value

    error = asyncio.run(fill())
    lane.stop()
    assert error.code == "queue_full"


def test_the_seconds_to_wait_fall_as_the_queue_empties() -> None:
    lane = Lane("test", Room(waiting=3))
    lane.rate.learn(2_000, 1_000)  # two seconds of sound a second
    gates = [Gate() for _ in range(4)]

    async def crowd() -> list[int | None]:
        jobs = [asyncio.ensure_future(lane.run(gate, 20)) for gate in gates]
        await begun(gates[0])
        told = [await refusal()]
        for gate in gates[:2]:
            gate.may_end.set()
        await begun(gates[2])
        more = [asyncio.ensure_future(lane.run(lambda _: 1, 0.5)) for _ in range(2)]
        await asyncio.sleep(0)
        told.append(await refusal())
        for gate in gates:
            gate.may_end.set()
        await asyncio.gather(*jobs, *more)
        return told

    async def refusal() -> int | None:
        with pytest.raises(VoiceApiError) as caught:
            await lane.run(lambda _: 1, 1)
        return caught.value.retry_after_seconds

    first, later = asyncio.run(crowd())
    lane.stop()
    assert first is not None
    assert later is not None
    assert 30 <= first <= 41
    assert later < first


def test_the_rate_follows_what_was_done_and_learns_nothing_from_what_failed() -> None:
    rate = Rate()
    rate.learn(10, 2)
    assert rate.per_second == pytest.approx(5, rel=0.01)
    for _ in range(60):
        rate.learn(10, 1)
    assert rate.per_second == pytest.approx(10, rel=0.01)
    lane = Lane("test", Room(waiting=1))

    def fail(_: Ticket) -> None:
        raise KeyError

    async def try_it() -> None:
        with pytest.raises(KeyError):
            await lane.run(fail, 600)

    asyncio.run(try_it())
    lane.stop()
    assert lane.rate.per_second == pytest.approx(1)


def test_long_work_lets_short_work_pass_and_has_a_turn_of_its_own() -> None:
    short = threading.Event()
    polite = Politeness(short, longest_wait_seconds=2, turn_seconds=100)
    ticket = Ticket(600, polite.give_way)
    started = time.monotonic()
    ticket.go_on()
    waited = time.monotonic() - started
    assert waited >= 2, "while short work runs it waits, but not for ever"
    for _ in range(50):
        ticket.go_on()
    assert time.monotonic() - started < waited + 60, "its turn lasts"
    patient = Ticket(600, Politeness(short, longest_wait_seconds=100, turn_seconds=1).give_way)
    threading.Timer(0.05, short.set).start()
    again = time.monotonic()
    patient.go_on()
    assert short.is_set()
    assert time.monotonic() - again < 60, "it goes on as soon as the short work has ended"


def test_long_work_that_waits_politely_still_ends_when_nobody_wants_it() -> None:
    ticket = Ticket(600, Politeness(threading.Event(), 60, 1).give_way)
    threading.Timer(0.05, ticket.give_up).start()
    with pytest.raises(GivenUpError):
        ticket.go_on()


def test_a_lane_with_two_threads_does_two_jobs_at_once() -> None:
    lane, meeting = Lane("test", Room(waiting=2), threads=2), threading.Barrier(2)

    async def both() -> None:
        await asyncio.gather(*(lane.run(lambda _: meeting.wait(60)) for _ in range(2)))

    asyncio.run(both())
    lane.stop()


def test_a_lane_is_idle_only_when_nothing_runs_or_waits(lane: Lane) -> None:
    gate = Gate()

    async def watch() -> list[bool]:
        seen = [lane.idle.is_set()]
        running = asyncio.ensure_future(lane.run(gate))
        await begun(gate)
        seen.append(lane.idle.is_set())
        gate.may_end.set()
        await running
        await asyncio.to_thread(lane.idle.wait, 60)
        return [*seen, lane.idle.is_set()]

    assert asyncio.run(watch()) == [True, False, True]

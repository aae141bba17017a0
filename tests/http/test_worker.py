"""The one thread for model work: in turn, bounded, and quick to forget what nobody waits for."""

import asyncio
import threading
from collections.abc import Iterator

import pytest

from voice_api.errors import VoiceApiError
from voice_api.http.worker import Ticket, Worker


@pytest.fixture
def worker() -> Iterator[Worker]:
    worker = Worker("test", max_waiting=2)
    yield worker
    worker.stop()


class Gate:
    """Work that says when it begins and ends when it is told to."""

    def __init__(self) -> None:
        self.begun = threading.Event()
        self.may_end = threading.Event()

    def __call__(self, ticket: Ticket) -> bool:
        self.begun.set()
        assert self.may_end.wait(10)
        return ticket.given_up


async def begun(gate: Gate) -> None:
    assert await asyncio.to_thread(gate.begun.wait, 10)


def test_work_runs_in_turn_on_one_thread(worker: Worker) -> None:
    async def three() -> list[tuple[int, int]]:
        work = [worker.run(lambda _, n=number: (n, threading.get_ident())) for number in range(3)]
        return await asyncio.gather(*work)

    results = asyncio.run(three())
    assert [number for number, _ in results] == [0, 1, 2]
    assert len({thread for _, thread in results}) == 1


def test_one_too_many_is_refused_with_whole_seconds_to_wait(worker: Worker) -> None:
    gate = Gate()

    async def crowd() -> VoiceApiError:
        running = asyncio.ensure_future(worker.run(gate))
        await begun(gate)
        waiting = [asyncio.ensure_future(worker.run(lambda _: 1)) for _ in range(2)]
        await asyncio.sleep(0)
        with pytest.raises(VoiceApiError) as caught:
            await worker.run(lambda _: 1)
        gate.may_end.set()
        assert await asyncio.gather(*waiting) == [1, 1]
        await running
        return caught.value

    error = asyncio.run(crowd())
    assert (error.code, error.status) == ("queue_full", 429)
    assert isinstance(error.retry_after_seconds, int)
    assert error.retry_after_seconds >= 1


def test_what_was_cancelled_before_it_began_never_runs(worker: Worker) -> None:
    gate = Gate()
    ran = []

    async def leave() -> None:
        running = asyncio.ensure_future(worker.run(gate))
        await begun(gate)
        leaving = asyncio.ensure_future(worker.run(lambda _: ran.append(1)))
        await asyncio.sleep(0)
        assert worker.waiting == 1
        leaving.cancel()
        await asyncio.gather(leaving, return_exceptions=True)
        assert worker.waiting == 0
        gate.may_end.set()
        await running
        await worker.run(lambda _: None)

    asyncio.run(leave())
    assert ran == []


def test_what_runs_learns_that_nobody_waits_for_it(worker: Worker) -> None:
    gate = Gate()
    seen = []

    async def leave() -> None:
        leaving = asyncio.ensure_future(worker.run(lambda ticket: seen.append(gate(ticket))))
        await begun(gate)
        leaving.cancel()
        await asyncio.gather(leaving, return_exceptions=True)
        gate.may_end.set()
        await worker.run(lambda _: None)

    asyncio.run(leave())
    assert seen == [True]


def test_an_error_of_the_work_is_raised_where_it_is_awaited_and_the_thread_lives_on(worker: Worker) -> None:
    def fail(_: Ticket) -> None:
        raise KeyError("broken")

    async def fail_then_work() -> int:
        with pytest.raises(KeyError):
            await worker.run(fail)
        return await worker.run(lambda _: 7)

    assert asyncio.run(fail_then_work()) == 7


def test_after_stop_whoever_waits_is_told(worker: Worker) -> None:
    gate = Gate()

    async def stop() -> list[object]:
        running = asyncio.ensure_future(worker.run(gate))
        await begun(gate)
        waiting = asyncio.ensure_future(worker.run(lambda _: 1))
        await asyncio.sleep(0)
        worker.stop()
        gate.may_end.set()
        return await asyncio.gather(running, waiting, worker.run(lambda _: 1), return_exceptions=True)

    ended, told, refused = asyncio.run(stop())
    assert ended is False
    assert isinstance(told, VoiceApiError)
    assert told.code == "stopping"
    assert isinstance(refused, VoiceApiError)

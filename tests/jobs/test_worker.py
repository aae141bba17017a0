"""The worker: hears in turn, gives up what it must, and gives back what it cannot finish."""

import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import pytest

from voice_api.errors import VoiceApiError
from voice_api.jobs.job import Answer, Fields, Offer, Status
from voice_api.jobs.queue import Queue
from voice_api.jobs.worker import Ended, Worker
from voice_api.speech.protocol import Company, Segment

WAIT_SECONDS = 60


@dataclass
class Ear:
    """Stands for a model: repeats what it hears, or waits, or fails, as it was told to."""

    faults: list[Exception] = field(default_factory=list)
    patient: bool = False
    listening: threading.Event = field(default_factory=threading.Event)
    heard: list[bytes] = field(default_factory=list)

    def __call__(self, sound: bytes, fields: Fields, company: Company) -> Answer:
        self.heard.append(sound)
        company.heard(Segment(0.0, 12.5, "first words", -0.1, 0.0, ()))
        self.listening.set()
        while self.patient:
            company.go_on()
            time.sleep(0.001)
        if self.faults:
            raise self.faults.pop(0)
        return Answer(sound.upper(), "text/plain")


Begin = Callable[..., Worker]


@pytest.fixture
def ended() -> list[Ended]:
    return []


@pytest.fixture
def begin(opened: Callable[..., Queue], ended: list[Ended]) -> Iterator[Begin]:
    begun: list[Worker] = []

    def start(
        queue: Queue, ear: Ear, job_seconds: float = WAIT_SECONDS, **more: Callable[[], None]
    ) -> Worker:
        begun.append(Worker(queue, ear, job_seconds, told=ended.append, **more))
        begun[-1].start()
        return begun[-1]

    yield start
    for worker in begun:
        worker.stop(WAIT_SECONDS)


def becomes(queue: Queue, name: str, status: Status) -> None:
    deadline = time.monotonic() + WAIT_SECONDS
    while (job := queue.job(name)) is None or job.status != status:
        assert time.monotonic() < deadline, f"it did not become {status}: {job}"
        time.sleep(0.005)


def test_what_waits_is_heard_and_what_comes_later_too(opened: Callable[..., Queue], begin: Begin) -> None:
    queue = opened()
    first = queue.accept(Offer(b"first", ())).id
    worker = begin(queue, Ear())
    becomes(queue, first, "completed")
    second = queue.accept(Offer(b"second", ())).id
    worker.arrived()
    becomes(queue, second, "completed")
    assert queue.answer(second) == Answer(b"SECOND", "text/plain")


def test_a_sound_that_cannot_be_heard_fails_at_once_in_its_own_words(
    opened: Callable[..., Queue], begin: Begin
) -> None:
    queue = opened()
    name = queue.accept(Offer(b"noise", ())).id
    ear = Ear(faults=[VoiceApiError("audio_damaged", "the sound file is damaged", "export it again", 400)])
    begin(queue, ear)
    becomes(queue, name, "failed")
    job = queue.job(name)
    assert job is not None
    assert job.trouble is not None
    assert (job.trouble.code, job.trouble.fix, len(ear.heard)) == ("audio_damaged", "export it again", 1)


def test_what_goes_wrong_here_is_tried_again(
    opened: Callable[..., Queue], begin: Begin, ended: list[Ended]
) -> None:
    queue = opened()
    name = queue.accept(Offer(b"sound", ())).id
    begin(queue, Ear(faults=[RuntimeError("a bug"), MemoryError()]))
    becomes(queue, name, "completed")
    assert [each.outcome for each in ended[:2]] == ["again", "again"]


def test_what_goes_wrong_each_time_is_given_up_and_the_next_is_heard(
    opened: Callable[..., Queue], begin: Begin
) -> None:
    queue = opened()
    bad, good = queue.accept(Offer(b"bad", ())).id, queue.accept(Offer(b"good", ())).id
    ear = Ear(faults=[RuntimeError("a bug")] * 3)
    begin(queue, ear)
    becomes(queue, good, "completed")
    assert queue.job(bad).trouble.code == "gave_up"  # type: ignore[union-attr]
    assert ear.heard == [b"bad"] * 3 + [b"good"]


def test_a_deadline_ends_a_job_for_good(opened: Callable[..., Queue], begin: Begin) -> None:
    queue = opened()
    name = queue.accept(Offer(b"sound", ())).id
    begin(queue, Ear(patient=True), 0.05)
    becomes(queue, name, "failed")
    assert queue.job(name).trouble.code == "deadline_exceeded"  # type: ignore[union-attr]


def test_a_deleted_job_is_broken_off_and_the_next_begins(opened: Callable[..., Queue], begin: Begin) -> None:
    queue, ear = opened(), Ear(patient=True)
    name, after = queue.accept(Offer(b"sound", ())).id, queue.accept(Offer(b"after", ())).id
    worker = begin(queue, ear)
    assert ear.listening.wait(WAIT_SECONDS)
    assert worker.heard_seconds(name) == 12.5
    assert worker.heard_seconds(after) == 0.0
    queue.remove(name)
    ear.listening.clear()
    worker.forget(after)
    worker.forget(name)
    assert ear.listening.wait(WAIT_SECONDS)
    assert ear.heard == [b"sound", b"after"]


def test_a_drain_gives_back_what_is_not_finished(opened: Callable[..., Queue], begin: Begin) -> None:
    queue, ear = opened(), Ear(patient=True)
    name = queue.accept(Offer(b"sound", ())).id
    worker = begin(queue, ear)
    assert ear.listening.wait(WAIT_SECONDS)
    assert worker.stop(WAIT_SECONDS)
    job = queue.job(name)
    assert job is not None
    assert (job.status, job.attempts) == ("queued", 0)
    next_owner = opened()
    begin(next_owner, Ear())
    becomes(next_owner, name, "completed")


def test_work_that_does_not_listen_to_a_drain_ends_nothing_any_more(opened: Callable[..., Queue]) -> None:
    queue = opened()
    name = queue.accept(Offer(b"sound", ())).id
    deaf, may_end = threading.Event(), threading.Event()

    def hear(sound: bytes, fields: Fields, company: Company) -> Answer:
        deaf.set()
        assert may_end.wait(WAIT_SECONDS)
        return Answer(b"late", "text/plain")

    worker = Worker(queue, hear, WAIT_SECONDS)
    worker.start()
    assert deaf.wait(WAIT_SECONDS)
    assert not worker.stop(0.01)
    assert queue.job(name).status == "queued"  # type: ignore[union-attr]
    may_end.set()
    assert worker.stop(WAIT_SECONDS)
    assert (queue.job(name).status, queue.answer(name)) == ("queued", None)  # type: ignore[union-attr]


def test_a_queue_that_fails_is_told_and_ends_the_worker(opened: Callable[..., Queue], begin: Begin) -> None:
    queue, broken = opened(), threading.Event()
    queue.close()
    worker = begin(queue, Ear(), broken=broken.set)
    assert broken.wait(WAIT_SECONDS)
    assert worker.failed

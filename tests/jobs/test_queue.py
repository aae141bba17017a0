"""The queue: what is accepted stays, is heard in its turn, has one answer, and leaves nothing behind."""

import os
import sqlite3
import stat
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from voice_api.errors import VoiceApiError
from voice_api.jobs.job import Answer, Offer, Trouble
from voice_api.jobs.queue import Bounds, Queue

Opened = Callable[..., Queue]
SOUND = Offer(b"sound of a meeting", (("response_format", "text"), ("prompt", "Ada's plans")))
HEARD = Answer(b"the words of a meeting\n", "text/plain")


def files(folder: Path) -> set[str]:
    """Names of all sounds that lie there."""
    return {path.name for each in ("sounds", "arriving") for path in (folder / "jobs" / each).iterdir()}


def test_what_is_accepted_first_is_taken_first(opened: Opened) -> None:
    queue = opened()
    names = [queue.accept(Offer(bytes([number]), ())).id for number in range(3)]
    assert [queue.job(name).ahead for name in names] == [0, 1, 2]  # type: ignore[union-attr]
    assert [claim.id for claim in iter(queue.take, None)] == names


def test_an_accepted_job_is_there_for_the_next_owner(opened: Opened) -> None:
    name = opened().accept(SOUND).id
    queue = opened()
    claim = queue.take()
    assert claim is not None
    assert (claim.id, claim.fields, queue.sound(claim)) == (name, SOUND.fields, SOUND.sound)


def test_an_answer_is_kept_and_the_sound_is_not(opened: Opened, tmp_path: Path) -> None:
    queue = opened()
    name = queue.accept(SOUND).id
    claim = queue.take()
    assert claim is not None
    assert files(tmp_path) == {name}
    assert queue.complete(claim, HEARD)
    assert files(tmp_path) == set()
    assert queue.answer(name) == HEARD
    assert opened().answer(name) == HEARD


def test_nothing_that_was_said_or_wished_lies_about_afterwards(opened: Opened, tmp_path: Path) -> None:
    queue = opened()
    name = queue.accept(SOUND).id
    claim = queue.take()
    assert claim is not None
    queue.complete(claim, HEARD)

    def lies_about(words: bytes) -> bool:
        return any(words in path.read_bytes() for path in (tmp_path / "jobs").rglob("*") if path.is_file())

    assert lies_about(b"the words of a meeting")
    assert not lies_about(b"Ada's plans")
    assert not lies_about(b"sound of a meeting")
    assert queue.remove(name)
    assert not lies_about(b"the words of a meeting")


def test_only_the_owner_of_the_files_may_read_them(opened: Opened, tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        opened().accept(SOUND)
    finally:
        os.umask(before)
    for path in (tmp_path / "jobs", *(tmp_path / "jobs").rglob("*")):
        assert stat.S_IMODE(path.stat().st_mode) & 0o077 == 0, path


def test_a_folder_has_one_owner(opened: Opened, tmp_path: Path) -> None:
    opened()
    with pytest.raises(VoiceApiError) as caught:
        Queue(tmp_path / "jobs", Bounds(1, 1, 1, 1))
    assert caught.value.code == "jobs_taken"


@pytest.mark.parametrize(("bounds", "taken"), [(Bounds(2, 1_000, 3, 100), 2), (Bounds(9, 40, 3, 100), 2)])
def test_no_more_is_accepted_than_the_bounds_allow(
    bounds: Bounds, taken: int, opened: Opened, tmp_path: Path
) -> None:
    queue = opened(bounds)
    for _ in range(taken):
        queue.accept(SOUND)
    with pytest.raises(VoiceApiError) as caught:
        queue.accept(SOUND)
    assert (caught.value.code, caught.value.status) == ("jobs_full", 429)
    assert len(files(tmp_path)) == queue.load().waiting == taken


def test_a_job_that_has_ended_makes_room(opened: Opened) -> None:
    queue = opened(Bounds(1, 1_000, 3, 100))
    queue.accept(SOUND)
    claim = queue.take()
    assert claim is not None
    with pytest.raises(VoiceApiError):
        queue.accept(SOUND)
    queue.complete(claim, HEARD)
    queue.accept(SOUND)


def test_an_owner_that_died_three_times_over_a_sound_leaves_it_alone(opened: Opened, tmp_path: Path) -> None:
    queue = opened()
    name = queue.accept(SOUND).id
    for attempt in (1, 2, 3):
        claim = queue.take()
        assert claim is not None
        assert claim.attempt == attempt
        queue = opened()
    job = queue.job(name)
    assert job is not None
    assert (job.status, job.trouble and job.trouble.code) == ("failed", "gave_up")
    assert queue.take() is None
    assert files(tmp_path) == set()


def test_what_a_drain_puts_back_is_first_again_and_counts_no_attempt(opened: Opened) -> None:
    queue = opened()
    first, second = queue.accept(SOUND).id, queue.accept(SOUND).id
    for _ in range(5):
        claim = queue.take()
        assert claim is not None
        assert (claim.id, claim.attempt) == (first, 1)
        assert queue.put_back(claim)
    assert queue.job(second).status == "queued"  # type: ignore[union-attr]


def test_an_attempt_that_is_not_the_last_one_ends_nothing(opened: Opened) -> None:
    queue = opened()
    name = queue.accept(SOUND).id
    stale = queue.take()
    assert stale is not None
    queue.put_back(stale)
    fresh = queue.take()
    assert fresh is not None
    assert not queue.complete(stale, Answer(b"too late", "text/plain"))
    assert not queue.fail(stale, Trouble("x", "x", "x", 500))
    assert not queue.try_again(stale)
    assert not queue.put_back(stale)
    assert queue.complete(fresh, HEARD)
    assert not queue.complete(fresh, Answer(b"twice", "text/plain"))
    assert queue.answer(name) == HEARD


def test_a_deleted_job_has_no_answer_and_no_sound(opened: Opened, tmp_path: Path) -> None:
    queue = opened()
    name = queue.accept(SOUND).id
    claim = queue.take()
    assert claim is not None
    assert queue.remove(name)
    assert not queue.remove(name)
    assert queue.sound(claim) is None
    assert not queue.complete(claim, HEARD)
    assert (queue.job(name), queue.answer(name), files(tmp_path)) == (None, None, set())


def test_the_same_key_is_the_same_job(opened: Opened, tmp_path: Path) -> None:
    offer = Offer(b"sound", (("model", "whisper-1"),), key="my-request-1")
    name = opened().accept(offer).id
    queue = opened()
    assert queue.accept(offer).id == name
    assert files(tmp_path) == {name}
    for other in (Offer(b"sounds", offer.fields, key=offer.key), Offer(b"sound", (), key=offer.key)):
        with pytest.raises(VoiceApiError) as caught:
            queue.accept(other)
        assert caught.value.code == "idempotency_key_reused"
    assert queue.accept(Offer(b"sound", offer.fields)).id != name


def test_the_same_key_at_the_same_moment_is_one_job(opened: Opened, tmp_path: Path) -> None:
    queue, together = opened(), threading.Barrier(8)

    def offer(_: int) -> str:
        together.wait()
        return queue.accept(Offer(b"sound", (), key="k")).id

    with ThreadPoolExecutor(8) as callers:
        for _ in range(5):
            (name,) = set(callers.map(offer, range(8)))
            assert files(tmp_path) == {name}
            queue.remove(name)


def test_the_bounds_hold_for_all_who_come_at_the_same_moment(opened: Opened, tmp_path: Path) -> None:
    queue, together = opened(Bounds(2, 1_000, 3, 100)), threading.Barrier(8)

    def offer(number: int) -> bool:
        together.wait()
        try:
            return bool(queue.accept(Offer(bytes([number]), ())))
        except VoiceApiError as error:
            return error.code != "jobs_full"

    with ThreadPoolExecutor(8) as callers:
        for _ in range(5):
            assert sum(callers.map(offer, range(8))) == queue.load().waiting == 2
            assert len(files(tmp_path)) == 2
            for name in files(tmp_path):
                queue.remove(name)


def test_a_full_queue_still_knows_what_it_accepted(opened: Opened) -> None:
    queue = opened(Bounds(1, 1_000, 3, 100))
    offer = Offer(b"sound", (), key="k")
    assert queue.accept(offer).id == queue.accept(offer).id


def test_answers_go_after_their_time_and_sound_does_not_wait_for_ever(
    opened: Opened, hand: Any, tmp_path: Path
) -> None:
    queue = opened()
    done, waits = queue.accept(SOUND).id, queue.accept(SOUND).id
    claim = queue.take()
    assert claim is not None
    hand.now += 60
    queue.complete(claim, HEARD)
    hand.now += 60
    assert queue.tidy() == 1
    job = queue.job(waits)
    assert job is not None
    assert (job.status, job.trouble and job.trouble.code) == ("failed", "expired")
    assert files(tmp_path) == set()
    assert queue.answer(done) == HEARD
    hand.now += 60
    assert queue.tidy() == 1
    assert queue.job(done) is None


def test_what_a_killed_owner_left_half_written_is_swept(opened: Opened, tmp_path: Path) -> None:
    queue = opened()
    name = queue.accept(SOUND).id
    (tmp_path / "jobs" / "arriving" / "job_half").write_bytes(b"half")
    (tmp_path / "jobs" / "sounds" / "job_without_a_row").write_bytes(b"whole")
    opened()
    assert files(tmp_path) == {name}


def test_a_queue_that_cannot_be_read_is_named_with_its_folder(opened: Opened, tmp_path: Path) -> None:
    opened().accept(SOUND)
    opened().close()
    (tmp_path / "jobs" / "jobs.sqlite3").write_bytes(b"no database" * 1_000)
    with pytest.raises(VoiceApiError) as caught:
        Queue(tmp_path / "jobs", Bounds(1, 1, 1, 1))
    assert caught.value.code == "jobs_damaged"
    assert str(tmp_path / "jobs") in caught.value.fix


def test_a_queue_of_another_version_is_left_as_it_is(opened: Opened, tmp_path: Path) -> None:
    opened().close()
    with sqlite3.connect(tmp_path / "jobs" / "jobs.sqlite3") as table:
        table.execute("PRAGMA user_version = 99")
    with pytest.raises(VoiceApiError) as caught:
        Queue(tmp_path / "jobs", Bounds(1, 1, 1, 1))
    assert caught.value.code == "jobs_of_another"


def test_without_room_on_the_disk_nothing_is_promised(opened: Opened, tmp_path: Path) -> None:
    queue = opened()
    (tmp_path / "jobs" / "arriving").chmod(0o500)
    try:
        if os.access(tmp_path / "jobs" / "arriving", os.W_OK):
            (tmp_path / "jobs" / "arriving").rmdir()  # root may write anywhere, except where there is nothing
        with pytest.raises(VoiceApiError) as caught:
            queue.accept(SOUND)
    finally:
        (tmp_path / "jobs" / "arriving").mkdir(exist_ok=True)
        (tmp_path / "jobs" / "arriving").chmod(0o700)
    assert (caught.value.code, caught.value.status) == ("no_room", 503)
    assert queue.load().waiting == 0

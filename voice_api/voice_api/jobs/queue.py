"""The queue of one processor: what is accepted is on the disk, is heard at least once, has one answer."""

import sqlite3
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from secrets import token_hex
from threading import RLock

from voice_api.errors import VoiceApiError
from voice_api.jobs import rows
from voice_api.jobs.job import Answer, Claim, Job, Load, Offer, Trouble
from voice_api.jobs.rows import fields_of, fields_text, fingerprint, job_of, trouble_text
from voice_api.jobs.sounds import Sounds
from voice_api.jobs.store import Store

GAVE_UP = Trouble(
    "gave_up",
    "hearing this failed again and again",
    "send it as flac or in shorter pieces; the processor's log has the reason",
    500,
)
EXPIRED = Trouble("expired", "this waited longer than sound is kept", "send it again", 503)


@dataclass(frozen=True, slots=True)
class Bounds:
    """jobs and held_bytes of what waits and runs; keep_seconds of what waits, and of what has ended."""

    jobs: int
    held_bytes: int
    attempts: int
    keep_seconds: float


class Queue:
    """Opening it makes it this process's own, and puts back what its last owner had under way.

    Safe to use from any thread. VoiceApiError where the folder cannot be had.
    """

    def __init__(self, folder: Path, bounds: Bounds, clock: Callable[[], float] = time.time) -> None:
        self.bounds = bounds
        self._clock = clock
        self._turn = RLock()
        self._store = Store(folder)
        self._sounds = Sounds(folder)
        self._recover()

    def accept(self, offer: Offer) -> Job:
        """A job that waits, or the one that was made of the same offer; it is on the disk.

        VoiceApiError 429 where no more may wait, 422 where the key was another offer's, 503 without room.
        """
        mark = fingerprint(offer)
        if (known := self._known(offer, mark)) is not None:
            return known
        self._check_room(len(offer.sound))
        name = f"job_{token_hex(16)}"
        try:
            self._sounds.arrive(name, offer.sound)
            with self._turn:
                return self._known(offer, mark) or self._insert(name, offer, mark)
        except (OSError, sqlite3.OperationalError) as error:
            message = f"the sound cannot be kept ({type(error).__name__})"
            fix = "try again later; the processor's disk may be full"
            raise VoiceApiError("no_room", message, fix, 503, retry_after_seconds=60) from error
        finally:
            self._sounds.drop(name)

    def take(self) -> Claim | None:
        """The first of those that wait, with one attempt more, which is written down before it begins."""
        with self._turn, self._store.change() as table:
            row = table.execute(rows.FIRST).fetchone()
            if row is None:
                return None
            table.execute(rows.TAKE, (row["id"],))
            turn, attempt = row["turns"] + 1, row["attempts"] + 1
            return Claim(row["id"], turn, attempt, fields_of(row["fields"]), row["created"])

    def sound(self, claim: Claim) -> bytes | None:
        """What is to be heard; None where the job was deleted meanwhile."""
        with self._turn, self._store.change() as table:
            wanted = table.execute(rows.MINE, (claim.id, claim.turn)).fetchone() is not None
            return self._sounds.read(claim.id) if wanted else None

    def complete(self, claim: Claim, answer: Answer) -> bool:
        """Keep the answer and delete the sound; False, and nothing kept, where it is not wanted any more."""
        return self._end(claim, rows.COMPLETE, answer.media_type, answer.body)

    def fail(self, claim: Claim, trouble: Trouble) -> bool:
        """It cannot be heard; False where nobody wants to know."""
        return self._end(claim, rows.FAIL, trouble_text(trouble))

    def put_back(self, claim: Claim) -> bool:
        """Whoever comes next begins anew; the attempt does not count, for it was broken off."""
        return self._change(claim, rows.PUT_BACK)

    def try_again(self, claim: Claim) -> bool:
        """After an attempt that went wrong: once more, or not, when it was the last."""
        if claim.attempt >= self.bounds.attempts:
            return self.fail(claim, GAVE_UP)
        return self._change(claim, rows.AGAIN)

    def job(self, name: str) -> Job | None:
        with self._turn, self._store.change() as table:
            row = table.execute(rows.SHOWN, (name, None)).fetchone()
            return None if row is None else job_of(row)

    def answer(self, name: str) -> Answer | None:
        """What was heard; None where there is none."""
        with self._turn, self._store.change() as table:
            row = table.execute(rows.ANSWER, (name,)).fetchone()
            return None if row is None else Answer(bytes(row["answer"]), row["media_type"])

    def remove(self, name: str) -> bool:
        """Forget a job with its sound and its answer, whatever its state; False where there is none."""
        with self._turn:
            with self._store.change() as table:
                gone = table.execute(rows.REMOVE, (name,)).rowcount > 0
            if gone:
                self._sounds.remove([name])
            return gone

    def tidy(self) -> int:
        """Forget what ended long ago, and give up what waited too long; how many that were."""
        now = self._clock()
        before = now - self.bounds.keep_seconds
        with self._turn:
            with self._store.change() as table:
                gone = table.execute(rows.FORGET, (before,)).rowcount
                old = table.execute(rows.EXPIRE, (trouble_text(EXPIRED), now, before)).fetchall()
            self._sounds.remove(row["id"] for row in old)
        return len(old) + gone

    def load(self) -> Load:
        with self._turn, self._store.change() as table:
            row = table.execute(rows.LOAD).fetchone()
            return Load(row["waiting"], row["running"], row["bytes"], row["seconds"])

    def close(self) -> None:
        with self._turn:
            self._store.close()

    def _recover(self) -> None:
        """What the last owner had under way when it ended: once more, or given up."""
        with self._store.change() as table:
            table.execute(rows.GIVE_UP, (trouble_text(GAVE_UP), self._clock(), self.bounds.attempts))
            table.execute(rows.RECOVER)
            waiting = frozenset(row["id"] for row in table.execute(rows.WAITING))
        self._sounds.sweep(waiting)

    def _known(self, offer: Offer, mark: str) -> Job | None:
        if offer.key is None:
            return None
        with self._turn, self._store.change() as table:
            row = table.execute(rows.SHOWN, (None, offer.key)).fetchone()
        if row is not None and row["fingerprint"] != mark:
            message = "this Idempotency-Key came with another sound or wish before"
            raise VoiceApiError("idempotency_key_reused", message, "take a new key for each request", 422)
        return None if row is None else job_of(row)

    def _check_room(self, size: int) -> None:
        load = self.load()
        waiting, fix = load.waiting + load.running, "try again in 60 seconds"
        if waiting >= self.bounds.jobs:
            message = f"{waiting} files are waiting to be heard"
            raise VoiceApiError("jobs_full", message, fix, 429, retry_after_seconds=60)
        if load.held_bytes + size > self.bounds.held_bytes:
            message, fix = f"{load.held_bytes} bytes of sound are waiting to be heard", f"{fix}, or send opus"
            raise VoiceApiError("jobs_full", message, fix, 429, retry_after_seconds=60)

    def _insert(self, name: str, offer: Offer, mark: str) -> Job:
        self._check_room(len(offer.sound))
        self._sounds.keep(name)
        wish = fields_text(offer.fields)
        values = (name, self._clock(), len(offer.sound), offer.seconds, offer.key, mark, wish)
        try:
            with self._store.change() as table:
                table.execute(rows.INSERT, values)
                return job_of(table.execute(rows.SHOWN, (name, None)).fetchone())
        except sqlite3.Error:
            self._sounds.remove([name])
            raise

    def _change(self, claim: Claim, words: str, *given: object) -> bool:
        with self._turn, self._store.change() as table:
            return table.execute(words, (*given, claim.id, claim.turn)).rowcount > 0

    def _end(self, claim: Claim, words: str, *given: object) -> bool:
        """An ended job leaves neither its sound nor what was wished for."""
        with self._turn:
            done = self._change(claim, words, *given, self._clock())
            if done:
                self._sounds.remove([claim.id])
            return done

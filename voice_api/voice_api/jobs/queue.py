"""The queue of one processor: what is accepted is on the disk, is heard at least once, has one answer."""

import sqlite3
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from secrets import token_hex
from threading import RLock

from voice_api.errors import VoiceApiError
from voice_api.jobs.job import Answer, Claim, Job, Load, Offer, Trouble
from voice_api.jobs.rows import SHOWN, fields_of, fields_text, fingerprint, job_of, trouble_text
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
        name, mark = f"job_{token_hex(16)}", fingerprint(offer)
        if (known := self._known(offer, mark)) is not None:
            return known
        self._check_room(len(offer.sound))
        try:
            self._sounds.arrive(name, offer.sound)
            with self._turn:
                if (known := self._known(offer, mark)) is not None:
                    self._sounds.remove([name])
                    return known
                self._insert(name, offer, mark)
        except (OSError, sqlite3.OperationalError) as error:
            self._sounds.remove([name])
            message = f"the sound cannot be kept ({type(error).__name__})"
            fix = "try again later; the processor's disk may be full"
            raise VoiceApiError("no_room", message, fix, 503, retry_after_seconds=60) from error
        except VoiceApiError:
            self._sounds.remove([name])
            raise
        return self._found(name)

    def take(self) -> Claim | None:
        """The first of those that wait, with one attempt more, which is written down before it begins."""
        with self._turn, self._store.change() as table:
            row = table.execute(
                "SELECT * FROM job WHERE status = 'queued' ORDER BY number LIMIT 1"
            ).fetchone()
            if row is None:
                return None
            change = "status = 'in_progress', attempts = attempts + 1, turns = turns + 1"
            table.execute(f"UPDATE job SET {change} WHERE id = ?", (row["id"],))
            turn, attempt = row["turns"] + 1, row["attempts"] + 1
            return Claim(row["id"], turn, attempt, fields_of(row["fields"]), row["created"])

    def sound(self, claim: Claim) -> bytes | None:
        """What is to be heard; None where the job was deleted meanwhile."""
        with self._turn:
            return self._sounds.read(claim.id) if self.wanted(claim) else None

    def wanted(self, claim: Claim) -> bool:
        """Whether this attempt may still end its job."""
        with self._turn, self._store.change() as table:
            return table.execute(f"SELECT 1 FROM job WHERE {_MINE}", _mine(claim)).fetchone() is not None

    def complete(self, claim: Claim, answer: Answer) -> bool:
        """Keep the answer and delete the sound; False, and nothing kept, where it is not wanted any more."""
        change = "status = 'completed', media_type = ?, answer = ?"
        return self._end(claim, change, (answer.media_type, answer.body))

    def fail(self, claim: Claim, trouble: Trouble) -> bool:
        """It cannot be heard; False where nobody wants to know."""
        return self._end(claim, "status = 'failed', trouble = ?", (trouble_text(trouble),))

    def put_back(self, claim: Claim) -> bool:
        """Whoever comes next begins anew; the attempt does not count, for it was broken off."""
        change = "status = 'queued', attempts = attempts - 1"
        return self._update(claim, change, ())

    def try_again(self, claim: Claim) -> bool:
        """After an attempt that went wrong: once more, or not, when it was the last."""
        if claim.attempt >= self.bounds.attempts:
            return self.fail(claim, GAVE_UP)
        return self._update(claim, "status = 'queued'", ())

    def job(self, name: str) -> Job | None:
        with self._turn, self._store.change() as table:
            row = table.execute(f"SELECT {SHOWN} FROM job WHERE id = ?", (name,)).fetchone()
            return None if row is None else job_of(row)

    def answer(self, name: str) -> Answer | None:
        """What was heard; None where there is none."""
        with self._turn, self._store.change() as table:
            row = table.execute(
                "SELECT answer, media_type FROM job WHERE id = ? AND status = 'completed'", (name,)
            ).fetchone()
            return None if row is None else Answer(bytes(row["answer"]), row["media_type"])

    def remove(self, name: str) -> bool:
        """Forget a job with its sound and its answer, whatever its state; False where there is none."""
        with self._turn:
            with self._store.change() as table:
                gone = table.execute("DELETE FROM job WHERE id = ?", (name,)).rowcount > 0
            self._sounds.remove([name])
            return gone

    def tidy(self) -> int:
        """Forget what ended long ago, and give up what waited too long; how many that were."""
        before = self._clock() - self.bounds.keep_seconds
        with self._turn:
            with self._store.change() as table:
                old = table.execute(
                    "SELECT id FROM job WHERE status = 'queued' AND created < ?", (before,)
                ).fetchall()
                for row in old:
                    change = "status = 'failed', trouble = ?"
                    self._ended(table, "id = ?", (row["id"],), change, (trouble_text(EXPIRED),))
                gone = table.execute("DELETE FROM job WHERE ended < ?", (before,)).rowcount
            self._sounds.remove(row["id"] for row in old)
        return len(old) + gone

    def load(self) -> Load:
        with self._turn, self._store.change() as table:
            row = table.execute(
                "SELECT count(*) FILTER (WHERE status = 'queued') AS waiting,"
                " count(*) FILTER (WHERE status = 'in_progress') AS running,"
                " coalesce(sum(bytes), 0) AS bytes, coalesce(sum(seconds), 0) AS seconds"
                " FROM job WHERE status IN ('queued', 'in_progress')"
            ).fetchone()
            return Load(row["waiting"], row["running"], row["bytes"], row["seconds"])

    def close(self) -> None:
        with self._turn:
            self._store.close()

    def _recover(self) -> None:
        """What the last owner had under way when it ended: once more, or given up."""
        with self._store.change() as table:
            change, given = "status = 'failed', trouble = ?", (trouble_text(GAVE_UP),)
            used_up = "status = 'in_progress' AND attempts >= ?"
            self._ended(table, used_up, (self.bounds.attempts,), change, given)
            table.execute("UPDATE job SET status = 'queued' WHERE status = 'in_progress'")
            rows = table.execute("SELECT id FROM job WHERE status = 'queued'").fetchall()
        self._sounds.sweep(frozenset(row["id"] for row in rows))

    def _known(self, offer: Offer, mark: str) -> Job | None:
        if offer.key is None:
            return None
        with self._turn, self._store.change() as table:
            row = table.execute(
                f"SELECT {SHOWN}, fingerprint FROM job WHERE key = ?", (offer.key,)
            ).fetchone()
        if row is not None and row["fingerprint"] != mark:
            message = "this Idempotency-Key came with another sound or wish before"
            raise VoiceApiError("idempotency_key_reused", message, "take a new key for each request", 422)
        return None if row is None else job_of(row)

    def _check_room(self, size: int) -> None:
        load = self.load()
        if load.waiting + load.running >= self.bounds.jobs:
            message = f"{load.waiting + load.running} files are waiting to be heard"
            fix = "try again in 60 seconds"
            raise VoiceApiError("jobs_full", message, fix, 429, retry_after_seconds=60)
        if load.held_bytes + size > self.bounds.held_bytes:
            message = f"{load.held_bytes} bytes of sound are waiting to be heard"
            fix = "try again in 60 seconds, or send flac or opus"
            raise VoiceApiError("jobs_full", message, fix, 429, retry_after_seconds=60)

    def _insert(self, name: str, offer: Offer, mark: str) -> None:
        self._check_room(len(offer.sound))
        self._sounds.keep(name)
        values = (name, self._clock(), len(offer.sound), offer.seconds, offer.key, mark)
        with self._store.change() as table:
            table.execute(
                "INSERT INTO job (id, status, created, bytes, seconds, key, fingerprint, fields)"
                " VALUES (?, 'queued', ?, ?, ?, ?, ?, ?)",
                (*values, fields_text(offer.fields)),
            )

    def _found(self, name: str) -> Job:
        job = self.job(name)
        if job is None:
            raise VoiceApiError("job_not_found", "it was deleted at once", "send it again", 404)
        return job

    def _update(self, claim: Claim, change: str, given: tuple[object, ...]) -> bool:
        with self._turn, self._store.change() as table:
            done = table.execute(f"UPDATE job SET {change} WHERE {_MINE}", (*given, *_mine(claim)))
            return done.rowcount > 0

    def _end(self, claim: Claim, change: str, given: tuple[object, ...]) -> bool:
        with self._turn:
            with self._store.change() as table:
                done = self._ended(table, _MINE, _mine(claim), change, given)
            if done:
                self._sounds.remove([claim.id])
            return done

    def _ended(
        self,
        table: sqlite3.Connection,
        which: str,
        of: tuple[object, ...],
        change: str,
        given: tuple[object, ...],
    ) -> bool:
        """An ended job is neither long nor private any more: what was wished for goes with the sound."""
        words = f"UPDATE job SET {change}, ended = ?, fields = NULL WHERE {which}"
        return table.execute(words, (*given, self._clock(), *of)).rowcount > 0


_MINE = "id = ? AND status = 'in_progress' AND turns = ?"


def _mine(claim: Claim) -> tuple[str, int]:
    return claim.id, claim.turn

"""Jobs as rows of the table: what is asked of it, and what it answers."""

import hashlib
import json
import sqlite3
from dataclasses import astuple

from voice_api.jobs.job import Fields, Job, Offer, Trouble

INSERT = """
INSERT INTO job (id, status, created, bytes, seconds, key, fingerprint, fields)
VALUES (?, 'queued', ?, ?, ?, ?, ?, ?)
"""
FIRST = "SELECT * FROM job WHERE status = 'queued' ORDER BY number LIMIT 1"
TAKE = "UPDATE job SET status = 'in_progress', attempts = attempts + 1, turns = turns + 1 WHERE id = ?"

# Of one attempt, named by the last two: only the last one that took a job changes it.
MINE = "SELECT 1 FROM job WHERE id = ? AND status = 'in_progress' AND turns = ?"
COMPLETE = """
UPDATE job SET status = 'completed', media_type = ?, answer = ?, ended = ?, fields = NULL
WHERE id = ? AND status = 'in_progress' AND turns = ?
"""
FAIL = """
UPDATE job SET status = 'failed', trouble = ?, ended = ?, fields = NULL
WHERE id = ? AND status = 'in_progress' AND turns = ?
"""
AGAIN = "UPDATE job SET status = 'queued' WHERE id = ? AND status = 'in_progress' AND turns = ?"
PUT_BACK = """
UPDATE job SET status = 'queued', attempts = attempts - 1
WHERE id = ? AND status = 'in_progress' AND turns = ?
"""

# Of all: what an owner that died had under way, and what is too old.
GIVE_UP = """
UPDATE job SET status = 'failed', trouble = ?, ended = ?, fields = NULL
WHERE status = 'in_progress' AND attempts >= ?
"""
RECOVER = "UPDATE job SET status = 'queued' WHERE status = 'in_progress'"
WAITING = "SELECT id FROM job WHERE status = 'queued'"
EXPIRE = """
UPDATE job SET status = 'failed', trouble = ?, ended = ?, fields = NULL
WHERE status = 'queued' AND created < ? RETURNING id
"""
FORGET = "DELETE FROM job WHERE ended < ?"
REMOVE = "DELETE FROM job WHERE id = ?"

SHOWN = """
SELECT id, status, created, ended, attempts, seconds, trouble, fingerprint,
(SELECT count(*) FROM job AS other WHERE other.status = 'queued' AND other.number < job.number) AS ahead
FROM job WHERE id = ?1 OR key = ?2
"""
ANSWER = "SELECT answer, media_type FROM job WHERE id = ? AND status = 'completed'"
LOAD = """
SELECT count(*) FILTER (WHERE status = 'queued') AS waiting,
count(*) FILTER (WHERE status = 'in_progress') AS running,
coalesce(sum(bytes), 0) AS bytes, coalesce(sum(seconds), 0) AS seconds
FROM job WHERE status IN ('queued', 'in_progress')
"""


def job_of(row: sqlite3.Row) -> Job:
    return Job(
        row["id"],
        row["status"],
        row["created"],
        row["ended"],
        row["attempts"],
        row["seconds"],
        Trouble(*json.loads(row["trouble"])) if row["trouble"] else None,
        row["ahead"] if row["status"] == "queued" else 0,
    )


def fields_of(text: str) -> Fields:
    return tuple((str(name), str(value)) for name, value in json.loads(text))


def fields_text(fields: Fields) -> str:
    return json.dumps(fields)


def trouble_text(trouble: Trouble) -> str:
    return json.dumps(astuple(trouble))


def fingerprint(offer: Offer) -> str:
    """Of sound and wish: two offers with the same key have to be the same."""
    digest = hashlib.sha256(fields_text(offer.fields).encode())
    digest.update(offer.sound)
    return digest.hexdigest()

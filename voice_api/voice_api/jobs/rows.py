"""Jobs as rows of the table, and back."""

import hashlib
import json
import sqlite3
from dataclasses import astuple

from voice_api.jobs.job import Fields, Job, Offer, Trouble

AHEAD = "(SELECT count(*) FROM job AS other WHERE other.status = 'queued' AND other.number < job.number)"
SHOWN = f"id, status, created, ended, attempts, seconds, trouble, {AHEAD} AS ahead"


def job_of(row: sqlite3.Row) -> Job:
    waits = row["status"] == "queued"
    return Job(
        row["id"],
        row["status"],
        row["created"],
        row["ended"],
        row["attempts"],
        row["seconds"],
        Trouble(*json.loads(row["trouble"])) if row["trouble"] else None,
        row["ahead"] if waits else 0,
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

"""A job: a sound that is to be heard later, and what became of it."""

from dataclasses import dataclass
from typing import Literal

from voice_api.errors import VoiceApiError

Status = Literal["queued", "in_progress", "completed", "failed"]
ENDED: tuple[Status, ...] = ("completed", "failed")

Fields = tuple[tuple[str, str], ...]
"""The texts of the form that came with a sound, by name, in their order."""


@dataclass(frozen=True, slots=True)
class Offer:
    """What a caller brings.

    seconds  how long the sound says it is; 0 where it does not
    key      the caller's word for this request: the same again is the same job
    """

    sound: bytes
    fields: Fields
    seconds: float = 0.0
    key: str | None = None


@dataclass(frozen=True, slots=True)
class Trouble:
    """Why a job failed, in the words of an answer."""

    code: str
    message: str
    fix: str
    status: int

    @staticmethod
    def of(error: VoiceApiError) -> "Trouble":
        return Trouble(error.code, error.message, error.fix, error.status)


@dataclass(frozen=True, slots=True)
class Answer:
    """What was heard, as the caller wished to have it."""

    body: bytes
    media_type: str


@dataclass(frozen=True, slots=True)
class Job:
    """One job as it stands; times are seconds since 1970.

    ahead  jobs that come before it, where it waits
    """

    id: str
    status: Status
    created: float
    ended: float | None
    attempts: int
    seconds: float
    trouble: Trouble | None = None
    ahead: int = 0


@dataclass(frozen=True, slots=True)
class Claim:
    """One attempt at a job.

    turn     how often the job was taken so far: only the last one who took it can end it
    attempt  how many of these counted, this one among them
    """

    id: str
    turn: int
    attempt: int
    fields: Fields
    created: float


@dataclass(frozen=True, slots=True)
class Load:
    """What is in the queue: jobs that wait and run, and the bytes and seconds of their sounds."""

    waiting: int
    running: int
    held_bytes: int
    held_seconds: float

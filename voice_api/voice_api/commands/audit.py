"""What commands leave in the journal, and what is read from it again: the past of a user, and how to undo."""

import json
import logging
import threading
import time
from collections import OrderedDict, deque
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from math import isfinite
from typing import Any

from voice_api.cluster.redact import masked
from voice_api.commands.journal.chain import Head
from voice_api.commands.journal.checkpoints import written
from voice_api.commands.journal.file import Chain, recorded
from voice_api.commands.journal.transcripts import Transcripts
from voice_api.errors import VoiceApiError

log = logging.getLogger("voice_api.audit")
MOST_CHARACTERS = 2_000
MOST_USERS = 1_000
REMEMBERED = 50
CHECKPOINT_EVERY = 100
# A journal that kept a question waiting for so long is not asked for a while; a change always asks it.
PATIENCE_SECONDS = 1.0
REST_SECONDS = 10.0


@dataclass(frozen=True, slots=True)
class Change:
    """A write of the journal that was answered with a success; `undo` is what takes it back, or why not."""

    at: float
    command: str
    function: str
    said: str
    target: Mapping[str, Any] = field(default_factory=dict)
    undo: Mapping[str, Any] | str = ""


class Audit:
    """The one journal of a service. What only reads goes on without it, what writes does not."""

    def __init__(
        self,
        journal: Chain,
        past: tuple[Mapping[str, Any], ...] = (),
        now: Callable[[], float] = time.time,
        *,
        transcripts: Transcripts | None = None,
        others: Callable[[int], Iterable[tuple[int, Mapping[str, Any]]]] = lambda _: (),
        published: Callable[[Head], None] = lambda _: None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`others` are the records after a number, where more than this process writes the journal.

        transcripts  keeps the words; without it they are kept nowhere
        published    is given checkpoints, which the log has too
        """
        self._journal, self._now = journal, now
        self._transcripts, self._others, self._published = transcripts, others, published
        self._clock, self._rests_until = clock, 0.0
        self._seen = self._published_at = journal.head.number
        self._security: Callable[[str], None] = lambda _: None
        self._lock, self._catching_up = threading.Lock(), threading.Lock()
        self._changes: OrderedDict[str, deque[Change]] = OrderedDict()
        for each in past:
            self._remember(each)
        self._publish()

    def tell(self, security: Callable[[str], None]) -> None:
        """Tell the kind of every security event from now on, for the figures."""
        self._security = security

    def record(self, event: str, security: bool, content: Mapping[str, object]) -> None:
        """One record of what is no write; where the disk is full it is only logged that there is none."""
        if security:
            self._security(event)
        began = self._clock()
        if began < self._rests_until:
            log.warning("a record is missing", extra={"event": event, "reason": "the journal did not answer"})
            return
        try:
            self._append({**content, "event": event, "security": security}, lasting=security)
        except VoiceApiError as error:
            log.warning("a record is missing", extra={"event": event, "reason": error.message})
            if self._clock() - began > PATIENCE_SECONDS:
                self._rests_until = self._clock() + REST_SECONDS

    def write(self, intent: Mapping[str, Any], act: Callable[[], Mapping[str, Any]]) -> Mapping[str, Any]:
        """What `act` returns, between two records; VoiceApiError and no act where the first is impossible.

        `recorded` is false in it where the second was impossible: the act has happened all the same.
        """
        about = self._without_words(intent)
        begun = _plain({**about, "event": "write", "security": False, "time": self._now()})
        outcome = recorded(self._journal, begun, lambda: _plain({**act(), "time": self._now()}))
        self._publish_now_and_then()
        return self._remembered({**begun, **outcome, "stage": "after"})

    def found_done(self, outcome: Mapping[str, Any]) -> Mapping[str, Any]:
        """A write that had no answer, and was seen to have happened: recorded as what came after it.

        `recorded` is false in it where that was impossible.
        """
        try:
            self._append({**outcome, "event": "write", "security": False}, lasting=True)
        except VoiceApiError as error:
            log.warning("a record is missing", extra={"event": "write", "reason": error.message})
            return self._remembered({**outcome, "recorded": False})
        return self._remembered(outcome)

    def changes(self, user: str, most: int) -> tuple[Change, ...]:
        """What this user changed, the last first, whichever replica did it."""
        with self._catching_up:
            for number, each in self._others(self._seen):
                self._seen = number
                self._remember(each)
        with self._lock:
            return tuple(reversed(self._changes.get(user, deque())))[:most]

    def look_after(self) -> None:
        """Now and then, also while nobody speaks: old words are deleted, and the head is published."""
        if self._transcripts is not None:
            self._transcripts.forget()
        self._publish()

    def end(self) -> None:
        """What came after the last checkpoint is published too, by a service that ends in order."""
        self._publish()

    def _append(self, record: Mapping[str, Any], *, lasting: bool) -> None:
        told = _plain({**self._without_words(record), "time": self._now()})
        self._journal.append(told, lasting=lasting)
        self._publish_now_and_then()

    def _without_words(self, record: Mapping[str, Any]) -> dict[str, Any]:
        """What people said goes beside the chain, which only commits to it."""
        kept = {name: value for name, value in record.items() if name != "transcript"}
        if self._transcripts is not None and (words := str(record.get("transcript") or "")):
            kept["words"] = self._transcripts.keep(words)
        return kept

    def _remembered(self, record: Mapping[str, Any]) -> Mapping[str, Any]:
        self._remember(record)
        return record

    def _remember(self, record: Mapping[str, Any]) -> None:
        if record.get("stage") != "after" or not succeeded(record):
            return
        change = Change(
            float(record["time"]),
            str(record.get("command", "")),
            str(record.get("function", "")),
            str(record.get("said", "")),
            record.get("target") or {},
            record.get("undo") or "",
        )
        with self._lock:
            kept = self._changes.setdefault(str(record.get("user", "")), deque(maxlen=REMEMBERED))
            for each in [each for each in kept if each.command == change.command != ""]:
                kept.remove(each)  # the chain says when it was, among what other replicas did
            kept.append(change)
            self._changes.move_to_end(str(record.get("user", "")))
            while len(self._changes) > MOST_USERS:
                self._changes.popitem(last=False)

    def _publish_now_and_then(self) -> None:
        if self._journal.head.number >= self._published_at + CHECKPOINT_EVERY:
            self._publish()

    def _publish(self) -> None:
        """The head goes where the logs go: a journal that is cut or made anew does not lead to it."""
        try:
            head = self._journal.settle()
        except VoiceApiError as error:
            log.warning("no checkpoint", extra={"reason": error.message})
            return
        self._published_at = head.number
        if head.number:
            log.info("journal checkpoint", extra={"checkpoint": written(head)})
            self._published(head)


def succeeded(record: Mapping[str, Any]) -> bool:
    """Whether a write's second record says that the cluster accepted it."""
    status = record.get("status")
    return record.get("event") == "write" and isinstance(status, int) and 200 <= status < 300


def _plain(value: Any) -> Any:
    """As JSON holds it, with no text longer than MOST_CHARACTERS, and no secret in what others answered."""
    match value:
        case Mapping():
            return {
                str(name): _plain(masked(each) if name == "why" and isinstance(each, str) else each)
                for name, each in value.items()
            }
        case list() | tuple() | set() | frozenset():
            return [_plain(each) for each in value]
        case bool() | int() | None:
            return value
        case float():
            return value if isfinite(value) else None
        case _:
            return json.loads(json.dumps(str(value)[:MOST_CHARACTERS]))

"""What commands leave in the journal, and what is read from it again: the past of a user, and how to undo."""

import json
import logging
import threading
import time
from collections import OrderedDict, deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from math import isfinite
from typing import Any

from voice_api.commands.journal.file import Journal, recorded
from voice_api.errors import VoiceApiError

log = logging.getLogger("voice_api.audit")
MOST_CHARACTERS = 2_000
MOST_USERS = 1_000
REMEMBERED = 50
CHECKPOINT_EVERY = 100


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
        journal: Journal,
        past: tuple[Mapping[str, Any], ...] = (),
        now: Callable[[], float] = time.time,
    ) -> None:
        self._journal, self._now = journal, now
        self._security: Callable[[str], None] = lambda _: None
        self._lock = threading.Lock()
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
        try:
            self._append({**content, "event": event, "security": security})
        except VoiceApiError as error:
            log.warning("a record is missing", extra={"event": event, "reason": error.message})

    def write(self, intent: Mapping[str, Any], act: Callable[[], Mapping[str, Any]]) -> Mapping[str, Any]:
        """What `act` returns, between two records; VoiceApiError and no act where the first is impossible.

        `recorded` is false in it where the second was impossible: the act has happened all the same.
        """
        begun = _plain({**intent, "event": "write", "security": False, "time": self._now()})
        outcome = recorded(self._journal, begun, lambda: _plain({**act(), "time": self._now()}))
        self._publish_now_and_then()
        return self._remembered({**begun, **outcome, "stage": "after"})

    def found_done(self, outcome: Mapping[str, Any]) -> Mapping[str, Any]:
        """A write that had no answer, and was seen to have happened: recorded as what came after it."""
        self.record("write", False, outcome)
        return self._remembered(outcome)

    def changes(self, user: str, most: int) -> tuple[Change, ...]:
        """What this user changed, the last first."""
        with self._lock:
            return tuple(reversed(self._changes.get(user, deque())))[:most]

    def _append(self, record: Mapping[str, Any]) -> None:
        self._journal.append(_plain({**record, "time": self._now()}))
        self._publish_now_and_then()

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
            kept.append(change)
            self._changes.move_to_end(str(record.get("user", "")))
            while len(self._changes) > MOST_USERS:
                self._changes.popitem(last=False)

    def _publish_now_and_then(self) -> None:
        if self._journal.head.number % CHECKPOINT_EVERY == 0:
            self._publish()

    def _publish(self) -> None:
        """The head goes where the logs go: a journal that is cut or made anew does not lead to it."""
        head = self._journal.head
        log.info("journal checkpoint", extra={"checkpoint": f"{head.number}:{head.seal}"})


def succeeded(record: Mapping[str, Any]) -> bool:
    """Whether a write's second record says that the cluster accepted it."""
    status = record.get("status")
    return record.get("event") == "write" and isinstance(status, int) and 200 <= status < 300


def _plain(value: Any) -> Any:
    """As JSON holds it, with no text longer than MOST_CHARACTERS."""
    match value:
        case Mapping():
            return {str(name): _plain(each) for name, each in value.items()}
        case list() | tuple() | set() | frozenset():
            return [_plain(each) for each in value]
        case bool() | int() | None:
            return value
        case float():
            return value if isfinite(value) else None
        case _:
            return json.loads(json.dumps(str(value)[:MOST_CHARACTERS]))

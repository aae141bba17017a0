"""One server of a language model: asked in time, one at a time, and left alone while it fails."""

import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from voice_api.commands.suggesting.chat import Prompt, Reason, Silence
from voice_api.engines.calls import Answer, Calls, Letter
from voice_api.engines.failure import Failure, Key, of_status
from voice_api.engines.gate import Gate
from voice_api.engines.loop import nothing
from voice_api.errors import VoiceApiError
from voice_api.language_model.dialects import DIALECTS, HEALTH_SECONDS, Kind, message_in

AT_ONCE = 1
"""It has as many slots; and who would wait behind another is asked back at once, while others go on."""

READ_SECONDS = 120.0
FRESH_SECONDS = 30.0
"""Who answered so lately is not asked first whether it is there."""

REASONS: Mapping[str, Reason] = {
    "too_late": "late",
    "unreachable": "down",
    "closed": "down",
    "failed": "down",
}


@dataclass(frozen=True, slots=True)
class Where:
    """Which model at which address; `key` says what is brought along, nothing for a server without keys."""

    kind: Kind
    address: str
    model: str
    key: Key


class LanguageModel:
    """A Chat. What a server does wrong is a Silence, and what is in its message is others' to judge."""

    def __init__(
        self,
        where: Where,
        clock: Callable[[], float] = time.monotonic,
        health_seconds: float = HEALTH_SECONDS,
    ) -> None:
        self._where, self._clock, self._health_seconds = where, clock, health_seconds
        self._dialect = DIALECTS[where.kind]
        self._calls = Calls(where.address, brought)
        self._gate = Gate(AT_ONCE, clock)
        self._answered_at = -FRESH_SECONDS
        self._lock = threading.Lock()

    @property
    def name(self) -> str:
        return self._where.model or self._where.kind

    @property
    def ready(self) -> bool:
        """Whether it would be asked now, or is being asked."""
        return self._gate.obstacle != "resting"

    def message(self, prompt: Prompt, seconds: float) -> Mapping[str, Any] | Silence:
        """Within `seconds`, a look whether the server is there included."""
        permission = self._gate.enter()
        if permission is None:
            return Silence("resting" if self._gate.obstacle == "resting" else "busy")
        try:
            came = self._asked(prompt, seconds)
        except BaseException:
            self._gate.left(permission)
            raise
        with self._lock:
            self._answered_at = -FRESH_SECONDS if isinstance(came, Failure) else self._clock()
        if isinstance(came, Failure):
            self._gate.failed(permission, came)
            return Silence("refused" if came.ours else REASONS.get(came.reason, "refused"))
        self._gate.worked(permission)
        return came

    def there(self, go_on: Callable[[], None]) -> bool:
        """Whether it says that it is well, or what `go_on` raises meanwhile."""
        try:
            absent = self._absent(self._where.key(), self._health_seconds, go_on)
        except VoiceApiError:
            return False
        with self._lock:
            self._answered_at = -FRESH_SECONDS if absent else self._clock()
        return absent is None

    def read(self, prompt: Prompt, go_on: Callable[[], None]) -> None:
        """Let it read what prompts begin with, which takes a small machine longer than anybody waits.

        Whoever asks meanwhile is told that it is busy. What comes of it matters to nobody.
        """
        permission = self._gate.enter()
        if permission is None:
            return
        try:
            letter = Letter(self._dialect.path, self._dialect.body(self._where.model, prompt))
            self._calls.post(letter, self._where.key(), READ_SECONDS, go_on)
        except VoiceApiError:
            return
        finally:
            self._gate.left(permission)

    def close(self) -> None:
        self._calls.close()

    def _asked(self, prompt: Prompt, seconds: float) -> Mapping[str, Any] | Failure:
        until = self._clock() + seconds
        try:
            key = self._where.key()
        except VoiceApiError:
            return Failure("no_key", spent=False, ours=True)
        with self._lock:
            lately = self._clock() - self._answered_at < FRESH_SECONDS
        absent = None if lately else self._absent(key, min(self._health_seconds, seconds))
        if absent is not None:
            return absent
        letter = Letter(self._dialect.path, self._dialect.body(self._where.model, prompt))
        answer = self._calls.post(letter, key, until - self._clock(), nothing)
        if isinstance(answer, Failure):
            return answer
        if answer.status != 200:
            return _refused(answer)
        message = message_in(self._dialect, answer.body)
        return Failure("failed", spent=True) if message is None else message

    def _absent(self, key: str, seconds: float, go_on: Callable[[], None] = nothing) -> Failure | None:
        """Why it is not there, by a question that costs nothing; a server that is there begins at once."""
        answer = self._calls.get(self._dialect.health, key, seconds, go_on)
        if isinstance(answer, Failure):
            return Failure("unreachable", spent=False)
        return None if answer.status == 200 else _refused(answer)


def brought(key: str) -> Mapping[str, str]:
    """The headers that carry a key, where there is one."""
    return {"Authorization": f"Bearer {key}"} if key else {}


def _refused(answer: Answer) -> Failure:
    return of_status(answer.status, None, answer.retry_after, datetime.now(UTC))

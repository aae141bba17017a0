"""What Hume's library takes for its socket: each wait has an end, and nothing chokes it."""

import json
import time
from collections.abc import Callable, Mapping
from math import isfinite

from voice_api.engines.failure import EngineFailedError, Failure
from voice_api.engines.sockets import Socket

SILENCE_SECONDS = 120.0
"""EVI closes after so long without a word; we wait no longer either."""

MOST_EMOTIONS = 200


class Wire:
    """For one thread that sends and one that receives.

    until     of time.monotonic: whatever is received is received before
    emotions  of the last message; a score that the library does not know makes it refuse the whole message
    """

    def __init__(self, engine: str, socket: Socket, go_on: Callable[[], None], until: float) -> None:
        self._engine = engine
        self._socket = socket
        self.go_on = go_on
        self.until = until
        self.emotions: Mapping[str, float] = {}

    def send(self, text: str) -> None:
        """Who reads is told that it is closed, and by what was said last, why."""
        try:
            self._socket.send(text)
        except EngineFailedError as error:
            if error.failure.reason == "too_late":
                raise

    def recv(self) -> str:
        seconds = min(max(0.0, self.until - time.monotonic()), SILENCE_SECONDS)
        message = self._socket.receive(seconds, self.go_on)
        try:
            content = json.loads(message)
        except (ValueError, RecursionError):
            content = None
        if not isinstance(content, dict):
            raise EngineFailedError(self._engine, Failure("failed", spent=True))
        self.emotions = _emotions(content.get("models"))
        if "models" in content:
            content["models"] = {}
        return json.dumps(content)

    def close(self) -> None:
        self._socket.close()


def _emotions(models: object) -> Mapping[str, float]:
    """Scores by name, as they come."""
    prosody = models.get("prosody") if isinstance(models, dict) else None
    scores = prosody.get("scores") if isinstance(prosody, dict) else None
    if not isinstance(scores, dict):
        return {}
    return {
        name[:64]: float(score)
        for name, score in list(scores.items())[:MOST_EMOTIONS]
        if isinstance(score, int | float) and not isinstance(score, bool) and isfinite(score)
    }

"""Names that an extension knows: asked for when a sentence has one, and good for a moment."""

import threading
import time
from collections.abc import Callable, Iterable

from voice_api.commands.language.names import Doubt, LiveNames, LiveObject, Resolution
from voice_api.errors import VoiceApiError

FRESH_SECONDS = 5.0
MOST_NAMES = 5_000


class NamesOf:
    """Of one kind. Where they cannot be had, whoever looks for one is told why."""

    def __init__(
        self, kind: str, asked: Callable[[], Iterable[str]], clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._kind, self._asked, self._clock = kind, asked, clock
        self._live, self._until = LiveNames(()), clock()
        self._lock = threading.Lock()

    def find(self, spoken: str, kinds: tuple[str, ...], namespace: str = "", home: str = "") -> Resolution:
        """As Finder says; nothing of an extension is in a namespace."""
        try:
            return self._now().find(spoken, kinds, "", home if not namespace else "")
        except VoiceApiError as error:
            return Doubt(spoken, (), error.message)

    def _now(self) -> LiveNames:
        with self._lock:
            if self._clock() >= self._until:
                names = sorted(set(self._asked()))[:MOST_NAMES]
                self._live = LiveNames(LiveObject(name, "", self._kind) for name in names)
                self._until = self._clock() + FRESH_SECONDS
            return self._live

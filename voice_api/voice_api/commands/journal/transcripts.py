"""How long what was said is kept, and in which form: without secrets, for some days, or not at all."""

import logging
import time
from collections.abc import Callable

from voice_api.cluster.redact import masked
from voice_api.commands.journal.words import Words, said
from voice_api.errors import VoiceApiError

log = logging.getLogger("voice_api.audit")
DAY_SECONDS = 24 * 3600
MOST_CHARACTERS = 2_000


class Transcripts:
    """Keeps the words of turns for `days`; none at all for 0."""

    def __init__(self, words: Words, days: int, now: Callable[[], float] = time.time) -> None:
        self._words, self._days, self._now = words, days, now

    def keep(self, text: str) -> str:
        """What the chain is to hold of these words; empty where they are not kept."""
        if not self._days or not text:
            return ""
        kept = said(masked(text)[:MOST_CHARACTERS], self._now())
        try:
            self._words.keep(kept)
        except VoiceApiError as error:
            log.warning("words are not kept", extra={"reason": error.message})
            return ""
        return kept.commitment

    def forget(self) -> None:
        """Delete what is older than its days; tried again with the next look where it cannot be."""
        try:
            forgotten = self._words.forget(self._now() - self._days * DAY_SECONDS)
        except VoiceApiError as error:
            log.warning("old words are not deleted", extra={"reason": error.message})
            return
        if forgotten:
            log.info("old words are deleted", extra={"turns": forgotten, "days": self._days})

"""Who is talked to in a session: told of what is said, and perhaps answering it."""

from typing import Protocol

from voice_api.http.listening import Heard
from voice_api.speech.protocol import TranscribeOptions


class Partner(Protocol):
    """Who is talked to; told in the order of what happens."""

    @property
    def hears_here(self) -> bool:
        """Whether what is said is nobody else's to hear."""
        ...

    def options(self, options: TranscribeOptions) -> TranscribeOptions:
        """How it is listened to whom is talked to."""
        ...

    async def began(self) -> None:
        """Somebody has begun to speak."""
        ...

    async def heard(self, heard: Heard, began: float) -> None:
        """An utterance was heard, which began at that time.monotonic()."""
        ...


class Nobody:
    """For who only wants to be written down."""

    hears_here = False

    def options(self, options: TranscribeOptions) -> TranscribeOptions:
        return options

    async def began(self) -> None:
        """Nobody is interrupted."""

    async def heard(self, heard: Heard, began: float) -> None:
        """Nobody answers."""

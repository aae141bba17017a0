"""Looks whether a server is there, and lets it read what prompts begin with as soon as it is."""

import threading
from collections.abc import Sequence

from voice_api.commands.suggesting.chat import Prompt
from voice_api.language_model.server import LanguageModel

EVERY_SECONDS = 15.0
END_SECONDS = 5.0


class _Ended(Exception):  # noqa: N818  # it is no error, and nobody but the watch sees it
    """The watch is over."""


class Watch:
    """On a thread of its own, until it is closed."""

    def __init__(self, model: LanguageModel, prompts: Sequence[Prompt], every: float = EVERY_SECONDS) -> None:
        self._model, self._prompts, self._every = model, prompts, every
        self._over = threading.Event()
        self._there = False
        self._thread = threading.Thread(target=self._run, name="language-model", daemon=True)
        self._thread.start()

    @property
    def ready(self) -> bool:
        """Whether it was there when it was looked at last, and is not left alone after failures."""
        return self._there and self._model.ready

    def close(self) -> None:
        self._over.set()
        self._thread.join(END_SECONDS)

    def _run(self) -> None:
        try:
            while True:
                self._look()
                if self._over.wait(self._every):
                    return
        except _Ended:
            return

    def _look(self) -> None:
        before, self._there = self._there, self._model.there(self._go_on)
        if self._there and not before:
            for prompt in self._prompts:
                self._model.read(prompt, self._go_on)

    def _go_on(self) -> None:
        if self._over.is_set():
            raise _Ended

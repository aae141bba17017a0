"""The clusters that a conversation can go to: each opened once, when it is first wanted."""

import threading
from collections.abc import Callable
from dataclasses import replace

from voice_api.cluster.protocol import Cluster
from voice_api.commands.conversation.executor import Executor
from voice_api.commands.conversation.place import Place
from voice_api.commands.conversation.settling import Settling
from voice_api.commands.conversation.staging import Staging
from voice_api.errors import VoiceApiError

MOST_OPEN = 20
"""Each has watches and names of its own."""


class Places:
    """By context; only those that the first cluster names. Safe in several threads."""

    def __init__(
        self,
        here: Place,
        opens: Callable[[str], tuple[Cluster, Executor | None]],
        staging: Staging | None = None,
    ) -> None:
        self._here, self._opens, self._staging = here, opens, staging
        self._open: dict[str, Place] = {}
        self._lock = threading.Lock()

    def __call__(self, context: str) -> Place:
        """The place of `context`; VoiceApiError where there is none, or its cluster does not answer."""
        with self._lock:
            if context not in self._open:
                self._open[context] = self._opened(context)
            return self._open[context]

    def _opened(self, context: str) -> Place:
        if context not in self._here.cluster.contexts:
            raise VoiceApiError("context_unknown", f"I cannot go to {context}.", "Name another one.", 404)
        if len(self._open) >= MOST_OPEN:
            message = f"I follow {MOST_OPEN} clusters already, and cannot go to {context}."
            raise VoiceApiError("too_many_contexts", message, "Start a voice API of its own for it.", 503)
        cluster, executor = self._opens(context)
        place = Place(cluster, self._here.catalogue.of(cluster))
        if executor is None or self._staging is None:
            return place
        executor.cluster_uid()  # who cannot be reached is told of now, and not with the first change
        return replace(place, settling=Settling(replace(self._staging, executor=executor, cluster=context)))

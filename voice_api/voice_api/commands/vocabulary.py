"""Names of what is in the cluster, kept at hand so that a listener can favour them at no cost."""

import logging
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Iterable
from itertools import chain, islice

from voice_api.cluster.protocol import Cluster, Named
from voice_api.errors import VoiceApiError

log = logging.getLogger("voice_api.vocabulary")
REFRESH_SECONDS = 5.0
MOST_NAMES = 500
MOST_REMEMBERED = 50
KINDS = ("namespace", "deployment", "statefulset", "daemonset", "job", "node")
"""Those whose names are spoken, the likeliest first: a name further down is left out where there are many."""


class Vocabulary:
    """Live names; whoever wants them gets the last there were, at once.

    The cluster follows its names by itself. It is asked for them on a thread of its own, as its first answer
    may take long, and again for whoever wants names 5 s later. Where there are none now, those before stay.
    """

    def __init__(
        self,
        cluster: Cluster,
        refresh_seconds: float = REFRESH_SECONDS,
        most_names: int = MOST_NAMES,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._cluster = cluster
        self._refresh_seconds = refresh_seconds
        self._most_names = most_names
        self._clock = clock
        self._named: tuple[Named, ...] = ()
        self._namespaces: tuple[str, ...] = ()
        self._live: dict[str, None] = {}
        self._said: OrderedDict[str, None] = OrderedDict()
        self._likely: tuple[str, ...] = ()
        self._arranged = True
        self._due = clock()
        self._refreshing = False
        self._lock = threading.Lock()

    def likely(self) -> tuple[str, ...]:
        """Names that may well be said, the likeliest first: those said lately, then the order of KINDS.

        The same tuple again as long as nothing has changed.
        """
        with self._lock:
            begins = not self._refreshing and self._clock() >= self._due
            self._refreshing |= begins
            if not self._arranged:
                self._arrange()
            likely = self._likely
        if begins:
            threading.Thread(target=self._refresh, name="vocabulary", daemon=True).start()
        return likely

    def namespaces(self) -> tuple[str, ...]:
        """Those that the cluster had when it was last asked."""
        with self._lock:
            return self._namespaces

    def said(self, names: Iterable[str]) -> None:
        """These were meant just now; what is no name of the cluster is left out."""
        with self._lock:
            for name in names:
                if name in self._live:
                    self._said[name] = None
                    self._said.move_to_end(name)
            while len(self._said) > MOST_REMEMBERED:
                self._said.popitem(last=False)
            self._arranged = False

    def _refresh(self) -> None:
        try:
            named = self._cluster.named()
            if named is not self._named:
                self._take(named)
        except VoiceApiError as error:
            log.info("names cannot be had", extra={"code": error.code})
        finally:
            with self._lock:
                self._due = self._clock() + self._refresh_seconds
                self._refreshing = False

    def _take(self, named: tuple[Named, ...]) -> None:
        by_kind = {kind: [each.name for each in named if each.kind == kind] for kind in KINDS}
        with self._lock:
            self._named, self._namespaces = named, tuple(by_kind["namespace"])
            self._live = dict.fromkeys(chain.from_iterable(by_kind.values()))
            self._arranged = False

    def _arrange(self) -> None:
        """Put the names in order; the tuple stays the same object where they are the same names."""
        recent = [name for name in reversed(self._said) if name in self._live]
        others = (name for name in self._live if name not in self._said)
        likely = tuple(islice(chain(recent, others), self._most_names))
        if likely != self._likely:
            self._likely = likely
        self._arranged = True

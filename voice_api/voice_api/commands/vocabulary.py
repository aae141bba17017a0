"""Names of what is in the cluster, kept at hand so that a listener can favour them at no cost."""

import logging
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator, Mapping
from types import MappingProxyType
from typing import TypeAlias

from voice_api.cluster.protocol import Cluster
from voice_api.errors import VoiceApiError

log = logging.getLogger("voice_api.vocabulary")
REFRESH_SECONDS = 30.0
MOST_NAMES = 500
MOST_REMEMBERED = 50

Question: TypeAlias = Callable[[Cluster], Iterable[str]]


def _workloads(cluster: Cluster) -> Iterator[str]:
    """What pods belong to; what is in trouble is asked about more than what is well."""
    pods = cluster.pods(None)
    yield from (pod.workload for pod in pods if pod.in_trouble)
    yield from (pod.workload for pod in pods)


QUESTIONS: Mapping[str, Question] = MappingProxyType(
    {
        "namespaces": lambda cluster: (each.name for each in cluster.namespaces()),
        "deployments": lambda cluster: (each.name for each in cluster.deployments(None)),
        "workloads": _workloads,
        "nodes": lambda cluster: (each.name for each in cluster.nodes()),
    }
)
"""The likeliest first: a name further down is left out where there are too many."""


class Vocabulary:
    """Live names, asked for in a thread of their own; whoever wants them gets the last there were, at once.

    A kind of names that cannot be had now keeps those it had: the cluster is asked again with the next
    refresh, which begins when somebody wants the names and the last one is 30 s old.
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
        self._known: dict[str, tuple[str, ...]] = {}
        self._said: OrderedDict[str, None] = OrderedDict()
        self._likely: tuple[str, ...] = ()
        self._due = clock()
        self._refreshing = False
        self._lock = threading.Lock()

    def likely(self) -> tuple[str, ...]:
        """Names that may well be said, the likeliest first: those said lately, then the order of QUESTIONS.

        The same tuple again as long as nothing has changed.
        """
        with self._lock:
            begins = not self._refreshing and self._clock() >= self._due
            self._refreshing |= begins
            likely = self._likely
        if begins:
            threading.Thread(target=self._refresh, name="vocabulary", daemon=True).start()
        return likely

    def namespaces(self) -> tuple[str, ...]:
        """Those that the cluster had when it was last asked."""
        with self._lock:
            return self._known.get("namespaces", ())

    def said(self, names: Iterable[str]) -> None:
        """These were meant just now; what is no name of the cluster is left out."""
        with self._lock:
            live = {name for known in self._known.values() for name in known}
            for name in names:
                if name in live:
                    self._said[name] = None
                    self._said.move_to_end(name)
            while len(self._said) > MOST_REMEMBERED:
                self._said.popitem(last=False)
            self._arrange()

    def _refresh(self) -> None:
        """Ask the cluster each question once; every question ends by the cluster's own deadline."""
        try:
            for kind, question in QUESTIONS.items():
                try:
                    names = tuple(dict.fromkeys(question(self._cluster)))
                except VoiceApiError as error:
                    log.info("names cannot be had", extra={"kind": kind, "code": error.code})
                    continue
                with self._lock:
                    self._known[kind] = names
                    self._arrange()
        finally:
            with self._lock:
                self._due = self._clock() + self._refresh_seconds
                self._refreshing = False

    def _arrange(self) -> None:
        """Put the names in order; the tuple stays the same object where they are the same names."""
        live = dict.fromkeys(name for kind in QUESTIONS for name in self._known.get(kind, ()))
        recent = [name for name in reversed(self._said) if name in live]
        likely = tuple(dict.fromkeys((*recent, *live)))[: self._most_names]
        if likely != self._likely:
            self._likely = likely

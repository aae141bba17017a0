"""The live names of a cluster, prepared for being looked for, and never prepared while somebody waits."""

import threading
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from voice_api.cluster.protocol import Cluster, Named
from voice_api.commands.language.names import Finder, LiveNames, LiveObject, Resolution

FEW = 500
"""So many names are prepared in a few milliseconds."""


class Catalogue:
    """Of one cluster. Of many names, those of a moment ago are used while the new ones are prepared."""

    def __init__(
        self,
        cluster: Cluster,
        kinds: Iterable[tuple[str, ...]] = (),
        beside: Mapping[str, Finder] = MappingProxyType({}),
    ) -> None:
        """`beside` finds, by kind, what has a name and is not in the cluster."""
        self._cluster = cluster
        self._kinds, self._beside = tuple(kinds), beside
        self._named: tuple[Named, ...] | None = None
        self._live = LiveNames(())
        self._preparing = False
        self._lock = threading.Lock()

    def of(self, cluster: Cluster) -> "Catalogue":
        """The same for another cluster."""
        return Catalogue(cluster, self._kinds, self._beside)

    def live(self) -> LiveNames:
        """VoiceApiError where no name can be had."""
        named = self._cluster.named()
        with self._lock:
            if named is self._named:
                return self._live
            later = self._named is not None and len(named) > FEW
            begins = later and not self._preparing
            self._preparing |= later
        if not later:
            return self._prepare(named)
        if begins:
            threading.Thread(target=self._prepare, args=(named,), name="catalogue", daemon=True).start()
        return self._live

    def known(self) -> LiveNames:
        """Those that were prepared last; asks nobody."""
        return self._live

    def find(self, spoken: str, kinds: tuple[str, ...], namespace: str = "", home: str = "") -> Resolution:
        """As LiveNames finds; the names are only asked for when a sentence has one."""
        beside = self._beside.get(kinds[0]) if kinds else None
        if beside is not None:
            return beside.find(spoken, kinds, namespace, home)
        return self.live().find(spoken, kinds, namespace, home)

    def _prepare(self, named: tuple[Named, ...]) -> LiveNames:
        try:
            live = LiveNames(LiveObject(each.name, each.namespace, each.kind) for each in named)
            live.prepare(self._kinds)
            with self._lock:
                self._named, self._live = named, live
            return live
        finally:
            with self._lock:
                self._preparing = False


@dataclass(frozen=True, slots=True)
class Contexts:
    """Which clusters there are: known without asking one, also where this one does not answer."""

    cluster: Cluster

    def find(self, spoken: str, kinds: tuple[str, ...], namespace: str = "", home: str = "") -> Resolution:
        live = LiveNames(LiveObject(name, "", "context") for name in self.cluster.contexts)
        return live.find(spoken, kinds, namespace, home)

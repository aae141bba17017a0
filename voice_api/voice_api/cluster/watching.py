"""Names of what is in the cluster, followed by watches: of every object its kind, namespace and name."""

import logging
import threading
import time
from collections.abc import Callable, Iterable, Sequence

from voice_api.cluster.connection import Connection, ListExpiredError
from voice_api.cluster.kinds import KINDS, NAMED, Kind
from voice_api.cluster.protocol import Named
from voice_api.cluster.requests import Item
from voice_api.errors import VoiceApiError

log = logging.getLogger("voice_api.watching")
# Only metadata is sent and parsed: of a pod 1 kB instead of 10.
METADATA_LIST = "application/json;as=PartialObjectMetadataList;v=v1;g=meta.k8s.io,application/json"
METADATA = "application/json;as=PartialObjectMetadata;v=v1;g=meta.k8s.io,application/json"
# Where nothing changes nothing comes, not even a bookmark, until the server ends the watch: longer silence
# is a dead connection.
WATCH_SECONDS, SILENT_SECONDS = 100, 120.0
PAUSES, LASTING_SECONDS = (1.0, 2.0, 5.0, 10.0, 30.0), 10.0
FIRST_SECONDS = 10.0
MOST_OF_A_KIND = 20_000


class Watched:
    """The names of one kind. `follow` never ends; it is run on a thread of its own.

    Failures are forgotten after a watch that lasted: it brought something, or held for LASTING_SECONDS.
    """

    def __init__(
        self,
        connection: Connection,
        kind: Kind,
        changed: Callable[[], None],
        clock: Callable[[], float] = time.monotonic,
        pause: Callable[[float], None] = time.sleep,
    ) -> None:
        self._connection, self._kind, self._changed = connection, kind, changed
        self._clock, self._pause = clock, pause
        self._lasted = False
        self._names: set[Named] = set()
        self._lock = threading.Lock()
        self.tried = threading.Event()
        self.failure: VoiceApiError | None = None

    def names(self) -> frozenset[Named]:
        with self._lock:
            return frozenset(self._names)

    def follow(self) -> None:
        version, failures = "", 0
        while True:
            self._lasted = False
            version = self._followed(version)
            failures = 0 if self._lasted else failures
            if not version or not self._lasted:
                self._pause(PAUSES[min(failures, len(PAUSES) - 1)])
                failures += 1

    def _followed(self, version: str) -> str:
        """One watch, after a list where there is no version to go on from; empty where none is left."""
        try:
            version = version or self._list()
            return self._watch(version) if version else ""
        except ListExpiredError:
            return ""
        except VoiceApiError as error:
            self._failed(error)
            return ""

    def _list(self) -> str:
        found: set[Named] = set()
        version = ""
        for page in self._connection.pages(self._kind.path(), self._kind.plural, METADATA_LIST):
            found |= {self._named(each) for each in page["items"]}
            version = str(page["metadata"].get("resourceVersion") or "")
            if len(found) >= MOST_OF_A_KIND:
                log.warning("more objects than names are kept of", extra={"kind": self._kind.name})
                break
        with self._lock:
            same, self._names = found == self._names, found
        self.failure = None
        self.tried.set()
        if not same:
            self._changed()
        return version

    def _watch(self, version: str) -> str:
        """Follow what changes after `version`, until the server ends it; the version to go on from."""
        query = {
            "watch": "true",
            "allowWatchBookmarks": "true",
            "resourceVersion": version,
            "timeoutSeconds": str(WATCH_SECONDS),
        }
        path, what = self._kind.path(), self._kind.plural
        began = self._clock()
        try:
            for change in self._connection.lines(path, query, what, SILENT_SECONDS, METADATA):
                item: Item = change.get("object") or {}
                if change.get("type") == "ERROR":
                    return ""
                self._lasted = True
                version = str(item["metadata"].get("resourceVersion") or version)
                if change.get("type") in {"ADDED", "DELETED"}:
                    self._change(self._named(item), gone=change["type"] == "DELETED")
        finally:
            self._lasted |= self._clock() - began >= LASTING_SECONDS
        return version

    def _change(self, named: Named, *, gone: bool) -> None:
        with self._lock:
            before = len(self._names)
            if gone:
                self._names.discard(named)
            elif before < MOST_OF_A_KIND:
                self._names.add(named)
            same = len(self._names) == before
        if not same:
            self._changed()

    def _failed(self, error: VoiceApiError) -> None:
        log.info("names cannot be followed", extra={"kind": self._kind.name, "code": error.code})
        self.failure = error
        self.tried.set()

    def _named(self, item: Item) -> Named:
        metadata = item["metadata"]
        return Named(self._kind.name, str(metadata.get("namespace") or ""), str(metadata["name"]))


class Names:
    """All names of a cluster; the watches begin with the first question for them."""

    def __init__(self, connection: Connection, kinds: Sequence[str] = NAMED) -> None:
        self._connection, self._kinds = connection, kinds
        self._watched: tuple[Watched, ...] = ()
        self._version = 0
        self._made: tuple[int, tuple[Named, ...]] = (-1, ())
        self._lock = threading.Lock()

    def named(self) -> tuple[Named, ...]:
        """The names now, the same object as long as they are the same.

        The first question waits for the first lists. VoiceApiError where not one of them can be had; a
        kind that cannot be had has no names.
        """
        self._begin()
        deadline = time.monotonic() + FIRST_SECONDS
        for each in self._watched:
            each.tried.wait(max(0.0, deadline - time.monotonic()))
        with self._lock:
            version = self._version
            if self._made[0] != version:
                self._made = (version, _sorted(each.names() for each in self._watched))
            made = self._made[1]
        failures = [each.failure for each in self._watched if each.failure]
        if not made and failures:
            raise failures[0]
        return made

    def _begin(self) -> None:
        with self._lock:
            if self._watched:
                return
            self._watched = tuple(
                Watched(self._connection, KINDS[kind], self._change) for kind in self._kinds
            )
        for each in self._watched:
            threading.Thread(target=each.follow, name="names", daemon=True).start()

    def _change(self) -> None:
        with self._lock:
            self._version += 1


def _sorted(found: Iterable[frozenset[Named]]) -> tuple[Named, ...]:
    return tuple(sorted(named for names in found for named in names))

"""What of a command is the API server's: by its audit log, and by asking the same of it once more."""

import datetime
import http.client
import ssl
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

AGENT = "kvx-voice-api"
DEADLINE_SECONDS = 30.0


@dataclass(frozen=True, slots=True)
class Request:
    """One request of the service as the audit log has it; `start` and `end` are seconds since 1970."""

    start: float
    end: float
    path: str
    headers: Mapping[str, str]


def requests(server: Any) -> list[Request]:
    """The oldest first, watches left out."""
    entries = (each for each in server.audited(AGENT) if each["verb"] != "watch")
    return sorted((_request(each) for each in entries), key=lambda each: each.start)


def _request(entry: Mapping[str, Any]) -> Request:
    stamps = (entry["requestReceivedTimestamp"], entry["stageTimestamp"])
    start, end = (datetime.datetime.fromisoformat(each).timestamp() for each in stamps)
    user: Mapping[str, Any] = entry.get("impersonatedUser") or {}
    headers = {"Impersonate-User": user["username"]} if user else {}
    groups = [each for each in user.get("groups") or () if not each.startswith("system:")]
    if groups:
        headers["Impersonate-Group"] = groups[0]
    return Request(start, end, entry["requestURI"] if entry["verb"] in {"get", "list"} else "", headers)


def covered(every: Sequence[Request], start: float, end: float) -> float:
    """Milliseconds between `start` and `end` in which the API server was at one request or more."""
    found, until = 0.0, start
    for each in every:
        if each.start < end and each.end > until:
            found += min(each.end, end) - max(each.start, until)
            until = max(until, min(each.end, end))
    return found * 1000


class BareClient:
    """Python's own HTTP client on one connection, with the headers that are needed and nothing around it."""

    def __init__(self, server: Any) -> None:
        host, _, port = server.url.removeprefix("https://").partition(":")
        trusted = ssl.create_default_context(cafile=str(server.authority))
        self._connection = http.client.HTTPSConnection(
            host, int(port), context=trusted, timeout=DEADLINE_SECONDS
        )

    def again(self, every: Sequence[Request], start: float, end: float) -> float:
        """Milliseconds of the requests between `start` and `end` that only read, one after the other."""
        paths = [each for each in every if start <= each.start < end and each.path]
        began = time.perf_counter()
        for each in paths:
            headers = {"Authorization": "Bearer admin-token", "Accept": "application/json", **each.headers}
            self._connection.request("GET", each.path, headers=headers)
            answer = self._connection.getresponse()
            answer.read()
            assert answer.status == 200, each.path
        return (time.perf_counter() - began) * 1000

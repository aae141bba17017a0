"""What is asked of an API server and what comes back, and for how long is waited."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import urllib3

Item = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Patience:
    """How long to wait and how much to ask for at once.

    A list ends after `list_seconds` however many pages it has; one page holds at most `page_items`.
    `login_seconds` are for the program that a kubeconfig may name to fetch credentials.
    """

    connect_seconds: float = 3.0
    read_seconds: float = 5.0
    list_seconds: float = 10.0
    login_seconds: float = 15.0
    page_items: int = 250

    def for_request(self, left_seconds: float) -> urllib3.Timeout:
        return urllib3.Timeout(
            connect=min(left_seconds, self.connect_seconds), read=min(left_seconds, self.read_seconds)
        )

    def for_stream(self, silent_seconds: float) -> urllib3.Timeout:
        return urllib3.Timeout(connect=self.connect_seconds, read=silent_seconds)


@dataclass(frozen=True, slots=True)
class Sent:
    """A request that may change something.

    body   any JSON value, None for nothing
    kind   its media type: which sort of patch it is
    agent  what is told besides our name in the User-Agent, so that the cluster's audit log has it
    accept the media types of an answer
    """

    method: str
    path: str
    body: Any = None
    kind: str = "application/json"
    agent: str = ""
    accept: str = "application/json"


@dataclass(frozen=True, slots=True)
class Answered:
    """What the API server said: the HTTP status, and its JSON object (empty where it sent none)."""

    status: int
    content: Item = field(default_factory=dict)

"""One call as the resources see it, and the answer they give."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from kvx_rehearsal.catalogue import Catalogue
from kvx_rehearsal.refusals import Refusal, invalid, not_found, not_unique, over_limit
from kvx_rehearsal.store import Document, Store

FIRST_RESOURCE = 4_711_001


@dataclass(frozen=True, slots=True)
class Timing:
    """How long actions take: seconds by command, all divided by `speed`."""

    speed: float = 1.0
    seconds: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Call:
    """What came in: `ids` are the numbers in the path, `now` unix seconds, `limits` the account's quota."""

    store: Store
    catalogue: Catalogue
    now: float
    timing: Timing
    ids: tuple[int, ...]
    path: str
    query: list[tuple[str, str]]
    body: Document
    limits: dict[str, int]

    def asked(self, name: str) -> list[str]:
        """Every value of a query parameter."""
        return [value for key, value in self.query if key == name]

    def find(self, kind: str) -> Document:
        """The resource that the path names; not_found otherwise."""
        return self.existing(kind, self.ids[0])

    def existing(self, kind: str, number: object) -> Document:
        document = self.store.one(kind, number) if isinstance(number, int) else None
        if document is None:
            raise not_found(kind, number)
        return document

    def by_id_or_name(self, kind: str, wanted: object) -> Document:
        """Requests may name some things either way (hcloud-go's IDOrName)."""
        text = str(wanted)
        document = self.store.one(kind, int(text)) if text.isdigit() else self.store.named(kind, text)
        if document is None:
            raise not_found(kind, wanted)
        return document

    def admit(self, kind: str, name: str, words: str) -> None:
        """uniqueness_error for a name in use, resource_limit_exceeded for one too many."""
        if self.store.named(kind, name) is not None:
            raise not_unique(kind)
        limit = self.limits.get(f"{kind}s")
        if limit is not None and self.store.count(kind) >= limit:
            raise over_limit(words, f"{kind}s")

    def new_id(self) -> int:
        """One counter for all kinds: an id used for the wrong kind is never found by chance."""
        return self.store.next_number("resource", FIRST_RESOURCE)

    @property
    def created(self) -> str:
        return stamp(self.now)


@dataclass(frozen=True, slots=True)
class Answer:
    body: Document | None = None
    status: int = 200


Responder = Callable[[Call], Answer]


def stamp(moment: float) -> str:
    """A point in time as the API writes it."""
    return datetime.fromtimestamp(moment, UTC).isoformat(timespec="seconds")


def wanted_text(body: Document, field_name: str, default: str | None = None) -> str:
    """A string from a request's body; invalid_input if it is missing, empty or of another type."""
    value = body.get(field_name, default)
    if not isinstance(value, str) or not value:
        raise invalid(field_name, "must be a non-empty string")
    return value


def wanted_number(body: Document, field_name: str, low: int, high: int) -> int:
    value = body.get(field_name)
    if not isinstance(value, int) or isinstance(value, bool) or not low <= value <= high:
        raise invalid(field_name, f"must be a number from {low} to {high}")
    return value


def wanted_switch(body: Document, field_name: str, *, default: bool) -> bool:
    value = body.get(field_name)
    if value is None:
        return default
    if not isinstance(value, bool):
        raise invalid(field_name, "must be true or false")
    return value


def wanted_list(body: Document, field_name: str) -> list[Any]:
    value = body.get(field_name) or []
    if not isinstance(value, list):
        raise invalid(field_name, "must be a list")
    return value


def wanted_choice(
    body: Document, field_name: str, choices: tuple[str, ...], default: str | None = None
) -> str:
    value = wanted_text(body, field_name, default)
    if value not in choices:
        raise invalid(field_name, f"must be one of {', '.join(choices)}")
    return value


def refuse_if_protected(kind: str, document: Document, operation: str = "delete") -> None:
    """Public documentation, "Errors": protected; words as in provider pull request 1480."""
    if document["protection"][operation]:
        act = {"delete": "deletion", "rebuild": "rebuild"}[operation]
        raise Refusal("protected", f"{kind.replace('_', ' ')} {act} is protected")

"""A scenario: what goes wrong, how often, what the account may have. Format: the package's docstring."""

import fnmatch
import json
import tomllib
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from kvx_rehearsal.store import Document, Store

KINDS = (
    "stock_gone",
    "refuse",
    "action_fails",
    "action_never_ends",
    "cut_before_write",
    "cut_after_write",
    "slow",
)
TOP = ("token_is_readonly", "durations", "limits", "rate_limit", "unavailable", "faults")
FAULT = (
    "kind",
    "method",
    "path",
    "body",
    "after",
    "times",
    "code",
    "message",
    "details",
    "status",
    "seconds",
)
ALWAYS = "always"
# Public documentation, "Rate Limiting".
CALLS_PER_HOUR = 3600
CALLS_PER_SECOND = 1.0


class ScenarioError(Exception):
    """The scenario cannot be read; the message says where."""


@dataclass(frozen=True, slots=True)
class Fault:
    """`times` None means always; `body` maps dotted field names to values."""

    kind: str
    method: str = "*"
    path: str = "*"
    body: dict[str, Any] = field(default_factory=dict)
    after: int = 0
    times: int | None = 1
    code: str | None = None
    message: str | None = None
    details: Document | None = None
    status: int | None = None
    seconds: float = 0.0

    def concerns(self, method: str, path: str, body: Document) -> bool:
        return (
            self.method in ("*", method)
            and fnmatch.fnmatchcase(path, self.path)
            and all(_reach(body, name) == value for name, value in self.body.items())
        )


@dataclass(frozen=True, slots=True)
class Scenario:
    token_is_readonly: bool = False
    durations: dict[str, float] = field(default_factory=dict)
    limits: dict[str, int] = field(default_factory=dict)
    rate_limit: dict[str, float] = field(default_factory=dict)
    unavailable: frozenset[tuple[str, str]] = frozenset()
    faults: tuple[Fault, ...] = ()

    @property
    def calls(self) -> float:
        return self.rate_limit.get("limit", CALLS_PER_HOUR)

    @property
    def calls_per_second(self) -> float:
        return self.rate_limit.get("per_second", CALLS_PER_SECOND)


def read(text: str) -> Scenario:
    """From JSON or TOML; ScenarioError if it is neither, or names something unknown."""
    try:
        content = json.loads(text) if text.lstrip().startswith("{") else tomllib.loads(text)
    except ValueError as error:
        raise ScenarioError(f"neither JSON nor TOML: {error}") from error
    return from_content(content)


def from_content(content: Document) -> Scenario:
    _refuse_unknown(content, TOP, "scenario")
    try:
        return Scenario(
            token_is_readonly=bool(content.get("token_is_readonly", False)),
            durations=_figures(content, "durations", float),
            limits=_figures(content, "limits", int),
            rate_limit=_figures(content, "rate_limit", float),
            unavailable=frozenset((e["server_type"], e["location"]) for e in content.get("unavailable", [])),
            faults=tuple(_fault(entry) for entry in content.get("faults", [])),
        )
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise ScenarioError(f"not as the format says: {error!r}") from error


def _figures(content: Document, name: str, kind: Callable[[Any], Any]) -> dict[str, Any]:
    return {key: kind(value) for key, value in content.get(name, {}).items()}


def _fault(entry: Document) -> Fault:
    _refuse_unknown(entry, FAULT, "fault")
    if entry.get("kind") not in KINDS:
        raise ScenarioError(f"fault of kind {entry.get('kind')!r}: one of {', '.join(KINDS)}")
    times = entry.get("times", 1)
    return Fault(**{**entry, "times": None if times == ALWAYS else int(times)})


def _refuse_unknown(content: Document, known: tuple[str, ...], what: str) -> None:
    unknown = sorted(set(content) - set(known))
    if unknown:
        raise ScenarioError(f"unknown in a {what}: {', '.join(unknown)}")


def _reach(body: Any, name: str) -> Any:
    """A value inside a body: "public_net.ipv4"."""
    for part in name.split("."):
        body = body.get(part) if isinstance(body, dict) else None
    return body


def due(scenario: Scenario, store: Store, method: str, path: str, body: Document) -> list[Fault]:
    """The faults that strike this call; each match is counted, in the store."""
    striking = []
    for number, fault in enumerate(scenario.faults):
        if not fault.concerns(method, path, body):
            continue
        seen = int(store.remembered(f"fault {number}") or 0)
        store.remember(f"fault {number}", str(seen + 1))
        if seen >= fault.after and (fault.times is None or seen < fault.after + fault.times):
            striking.append(fault)
    return striking


def put_in_force(store: Store, text: str, now: float) -> Scenario:
    """Remembers a scenario, starts its counts anew and fills its bucket."""
    scenario = read(text)
    store.remember("scenario", text)
    for number in range(len(scenario.faults)):
        store.remember(f"fault {number}", "0")
    remaining = scenario.rate_limit.get("remaining", scenario.calls)
    store.remember("bucket", json.dumps([remaining, now]))
    return scenario

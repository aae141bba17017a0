"""The file of the engines: which there are, how far each may be used, and by whom; TOML, checked."""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError, field_validator

from voice_api.engines.choice import Policy as Wished
from voice_api.engines.engine import LOCAL, Task
from voice_api.errors import VoiceApiError
from voice_api.usage.policy import Bounds
from voice_api.usage.windows import Month

Name = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9-]{0,39}$")]
Hash = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
Amount = Annotated[Decimal, Field(ge=0, le=10**9)]
Count = Annotated[int, Field(ge=0, le=10**12)]
Unbounded = Literal["unbounded"]


class Table(BaseModel):
    """A table of the file; what is not known in it is refused."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Limits(Table):
    """Of a month, but for requests; what is left out is without a bound."""

    minutes: Amount | None = None
    requests_a_minute: Count | None = None
    characters: Count | None = None
    euros: Amount | None = None

    def bounds(self) -> Bounds:
        return Bounds(self.minutes, self.requests_a_minute, self.characters, self.euros)


class EngineTable(Table):
    """[engines.NAME]; the defaults are those of a small free tier."""

    kind: str
    address: str = ""
    key_file: Path | None = None
    key_variable: str | None = None
    models: Mapping[Task, str] = Field(default_factory=dict)
    tasks: frozenset[Task] | None = None
    voice: str = ""
    quality: Annotated[int, Field(ge=0, le=100)] = 1
    at_once: Annotated[int, Field(ge=1, le=1000)] | None = None
    deadline_seconds: Annotated[float, Field(ge=0.05, le=600)] = 1.2
    euros_a_minute: Amount = Decimal(0)
    euros_a_thousand_characters: Amount = Decimal(0)
    euros_a_request: Amount = Decimal(0)
    minutes: Amount | Unbounded = Decimal(10)
    requests_a_minute: Count | Unbounded = 10
    characters: Count | Unbounded = 10_000
    euros: Amount | Unbounded = "unbounded"
    reset_day: Annotated[int, Field(ge=1, le=31)] = 1
    reset_zone: str = "UTC"
    each_caller: Limits = Limits()

    @field_validator("reset_zone")
    @classmethod
    def known_zone(cls, name: str) -> str:
        try:
            ZoneInfo(name)
        except (ZoneInfoNotFoundError, ValueError, OSError):
            raise ValueError("no time zone such as Europe/Berlin") from None
        return name

    def bounds(self) -> Bounds:
        """For all callers together."""
        return Bounds(
            minutes=None if isinstance(self.minutes, str) else self.minutes,
            requests_a_minute=None if isinstance(self.requests_a_minute, str) else self.requests_a_minute,
            characters=None if isinstance(self.characters, str) else self.characters,
            euros=None if isinstance(self.euros, str) else self.euros,
        )

    @property
    def most_at_once(self) -> int | None:
        """Hume's free plan takes one conversation at a time."""
        return 1 if self.at_once is None and self.kind == "hume" else self.at_once

    @property
    def month(self) -> Month:
        return Month(self.reset_day, ZoneInfo(self.reset_zone))


class CallerTable(Table):
    """[callers.NAME]; `anyone` is whoever comes without a key that is known."""

    keys_sha256: tuple[Hash, ...] = ()
    policy: Wished = "local"
    consents: bool = False
    limits: Mapping[Name, Limits] = Field(default_factory=dict)


class Tables(Table):
    """The whole file."""

    engines: Mapping[Name, EngineTable] = Field(default_factory=dict)
    callers: Mapping[Name, CallerTable] = Field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class EnginesFile:
    """What a file says, and where it lies."""

    path: Path
    tables: Tables


def read_engines(path: Path) -> EnginesFile:
    """VoiceApiError `bad_engines` names what is wrong, where, and what is possible."""
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"), parse_float=Decimal)
        tables = Tables.model_validate(content)
    except OSError as error:
        raise bad_engines(path, f"cannot be read: {error.strerror}", "name a file that is there") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise bad_engines(path, f"is no TOML: {error}", "correct it there") from None
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        place = ".".join(str(part) for part in first["loc"])
        raise bad_engines(path, f"has a wrong {place}: {first['msg']}", "see docs/engines.md") from None
    _refuse_contradictions(path, tables)
    return EnginesFile(path, tables)


def bad_engines(path: Path, wrong: str, fix: str) -> VoiceApiError:
    return VoiceApiError("bad_engines", f"the engines file {path} {wrong}", fix, 500)


def _refuse_contradictions(path: Path, tables: Tables) -> None:
    if LOCAL in tables.engines:
        raise bad_engines(path, f"names an engine {LOCAL}", "that one is always there; leave it out")
    hashes = [each for caller in tables.callers.values() for each in caller.keys_sha256]
    if len(hashes) != len(set(hashes)):
        raise bad_engines(path, "gives one key to two callers", "give each a key of their own")
    for name, caller in tables.callers.items():
        for engine in caller.limits.keys() - tables.engines.keys():
            known = ", ".join(tables.engines) or "none"
            raise bad_engines(path, f"limits {name} at an engine {engine}", f"the engines there are: {known}")

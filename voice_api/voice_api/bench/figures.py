"""What was measured, as values: durations with their spread, stages, memory, machine."""

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

SCHEMA = "voice-api/bench/v1"


@dataclass(frozen=True, slots=True)
class Workload:
    """So many seconds of sound, and so many tokens of text; None leaves their number to the model."""

    seconds: float
    tokens: int | None

    def __str__(self) -> str:
        return f"{self.seconds:g} s" + (f" / {self.tokens} tokens" if self.tokens else "")


@dataclass(frozen=True, slots=True)
class Spread:
    """The same thing measured several times."""

    values: tuple[float, ...]

    @property
    def median(self) -> float:
        return statistics.median(self.values)

    @property
    def least(self) -> float:
        return min(self.values)

    @property
    def most(self) -> float:
        return max(self.values)

    def document(self) -> dict[str, object]:
        rounded = [round(value, 3) for value in self.values]
        return {
            "median": round(self.median, 3),
            "least": round(self.least, 3),
            "most": round(self.most, 3),
            "rounds": rounded,
        }


@dataclass(frozen=True, slots=True)
class Heard:
    """One engine on one workload.

    tokens  it wrote in each round, which is the same number in all
    stages  milliseconds by stage, of our own engine; empty for peers
    """

    engine: str
    workload: Workload
    milliseconds: Spread
    tokens: int
    text: str
    stages: Mapping[str, float]

    @property
    def real_time_factor(self) -> float:
        return self.milliseconds.median / 1e3 / self.workload.seconds

    def document(self) -> dict[str, object]:
        return {
            "engine": self.engine,
            "seconds": self.workload.seconds,
            "tokens": self.tokens,
            "milliseconds": self.milliseconds.document(),
            "real_time_factor": round(self.real_time_factor, 4),
            "stages_ms": {name: round(value, 3) for name, value in self.stages.items()},
            "text": self.text,
        }


@dataclass(frozen=True, slots=True)
class Memory:
    """Resident bytes of fresh processes: once loaded, and after each workload, now and at most."""

    engine: str
    loaded: int
    after: Mapping[str, tuple[int, int]]
    first_answer_ms: Spread

    def document(self) -> dict[str, object]:
        return {
            "engine": self.engine,
            "loaded_bytes": self.loaded,
            "after": {
                name: {"resident_bytes": now, "peak_bytes": most} for name, (now, most) in self.after.items()
            },
            "first_answer_ms": self.first_answer_ms.document(),
        }


@dataclass(frozen=True, slots=True)
class Costs:
    """What a model must move and compute, from its sizes alone; and what this machine can, per second."""

    token_bytes: int
    position_operations: int
    read_bytes_per_second: float
    operations_per_second: float

    def document(self) -> dict[str, object]:
        return {name: round(getattr(self, name)) for name in self.__dataclass_fields__}


@dataclass(frozen=True, slots=True)
class ModelReport:
    """Everything measured of one model."""

    name: str
    heard: tuple[Heard, ...]
    memory: tuple[Memory, ...]
    costs: Costs | None

    def document(self) -> dict[str, object]:
        return {
            "model": self.name,
            "heard": [each.document() for each in self.heard],
            "memory": [each.document() for each in self.memory],
            "costs": self.costs.document() if self.costs else None,
        }


@dataclass(frozen=True, slots=True)
class Report:
    """One run: when, where, with what, and the figures."""

    date: str
    machine: Mapping[str, object]
    versions: Mapping[str, str]
    missing: Sequence[str]
    models: Sequence[ModelReport]

    def document(self) -> dict[str, object]:
        return {
            "schema": SCHEMA,
            "date": self.date,
            "machine": dict(self.machine),
            "versions": dict(self.versions),
            "missing": list(self.missing),
            "models": [model.document() for model in self.models],
        }

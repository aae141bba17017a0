"""What is counted: whole requests, milliseconds of sound, characters and millionths of a euro."""

from dataclasses import dataclass
from enum import StrEnum


class Unit(StrEnum):
    """The values are the names of the fields of Amounts, and of the ledger's columns."""

    REQUESTS = "requests"
    MILLISECONDS = "milliseconds"
    CHARACTERS = "characters"
    MICROEUROS = "microeuros"


@dataclass(frozen=True, slots=True)
class Amounts:
    """So much of each unit; never less than nothing."""

    requests: int = 0
    milliseconds: int = 0
    characters: int = 0
    microeuros: int = 0

    def __post_init__(self) -> None:
        if any(self.of(unit) < 0 for unit in Unit):
            raise ValueError(f"less than nothing: {self}")

    def of(self, unit: Unit) -> int:
        amount: int = getattr(self, unit.value)
        return amount


NOTHING = Amounts()

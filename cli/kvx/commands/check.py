"""One thing that doctor has looked at."""

from dataclasses import dataclass
from typing import Literal

State = Literal["ok", "slow", "note", "later", "missing"]


@dataclass(frozen=True, slots=True)
class Check:
    """`missing` stops a deploy; `slow` and `note` do not, nor does `later`, which cannot be told yet."""

    name: str
    state: State
    words: str
    fix: str = ""

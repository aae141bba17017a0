"""What a minute of speech costs: what was heard and spoken, against what the machines cost meanwhile."""

from dataclasses import dataclass
from decimal import Decimal

_SECONDS = Decimal(60)


@dataclass(frozen=True, slots=True)
class Audio:
    """Sound since the beginning of the month, in seconds, as the voice API's own figures tell it."""

    heard_seconds: Decimal
    spoken_seconds: Decimal

    @property
    def minutes(self) -> Decimal:
        return (self.heard_seconds + self.spoken_seconds) / _SECONDS


def of_a_minute(cost: Decimal | None, audio: Audio) -> Decimal | None:
    """`cost` by the minute of sound, heard or spoken; None without sound or with an unknown cost."""
    return None if cost is None or not audio.minutes else cost / audio.minutes

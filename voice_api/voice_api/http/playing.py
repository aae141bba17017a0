"""When what was said aloud has been heard to its end, as early as that may be; pure."""

from dataclasses import dataclass, field
from math import inf

from voice_api.commands.confirmation.echo import GUARD_SECONDS, echoes

STILL_SOUNDS_SECONDS = 1.0
"""What was cut off sounds on for a while: it is on its way, or in a loudspeaker's buffer."""


@dataclass(slots=True)
class Playing:
    """One reply that is played while it arrives; times in seconds of one clock.

    text   what is said
    ends   when its last sound has been heard; `inf` where it was cut off
    whole  whether all of it was sent: what is still to be made may be late, or never come
    quiet  when nothing of it sounds any more, either way
    """

    text: str
    ends: float
    whole: bool = False
    quiet: float = field(init=False)

    def __post_init__(self) -> None:
        self.quiet = self.ends

    def more(self, now: float, seconds: float) -> None:
        """So much sound was sent."""
        self.ends = self.quiet = max(self.ends, now) + seconds

    def heard_at(self, now: float) -> None:
        """Whoever plays it says that it has just ended; nobody hears it sooner than it was sent."""
        self.ends = self.quiet = max(self.ends, now)

    def cut(self, now: float) -> bool:
        """It is not played any further; whether anything of it was left."""
        left = self.ends < inf and (now < self.ends or not self.whole)
        if left:
            self.ends, self.quiet = inf, now + STILL_SOUNDS_SECONDS
        return left

    def free(self, now: float) -> float:
        """When the next one can be heard: after this one, unless it was cut off."""
        return now if self.ends == inf else max(self.ends, now)

    def since(self, began: float) -> float | None:
        """From its end to the beginning of a speech; None where that came first, or it never ended."""
        return began - self.ends if self.whole and began >= self.ends else None

    def returns_as(self, text: str, began: float) -> bool:
        """Whether what was heard is this reply, from a loudspeaker into the microphone."""
        return began < self.quiet + GUARD_SECONDS and echoes(text, self.text)

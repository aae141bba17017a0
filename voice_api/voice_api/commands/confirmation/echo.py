"""Tells what somebody said from what the loudspeaker said, so that no question answers itself."""

from voice_api.commands.normalise import digits, normalise

GUARD_SECONDS = 0.5
RUN_WORDS = 3


def too_early(began: float | None, played: float | None) -> bool:
    """Whether speech began before the question had been played for GUARD_SECONDS, or nobody knows when."""
    return began is None or played is None or began < played + GUARD_SECONDS


def echoes(heard: str, spoken: str) -> bool:
    """Whether RUN_WORDS or more words in a row of what was heard are words of what was spoken."""
    said = f" {_plain(spoken)} "
    words = _plain(heard).split()
    runs = (words[start : start + RUN_WORDS] for start in range(len(words) - RUN_WORDS + 1))
    return any(f" {' '.join(run)} " in said for run in runs)


def _plain(text: str) -> str:
    return digits(normalise(text))

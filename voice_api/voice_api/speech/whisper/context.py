"""How much sound the encoder hears at once, and when a text from less than a whole chunk is not trusted."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from voice_api.speech.protocol import SAMPLE_RATE
from voice_api.speech.whisper.decode import Decoded
from voice_api.speech.whisper.fallback import UNLIKELY_TEXT, loops
from voice_api.speech.whisper.features import FeatureSettings

AudioContext = Literal["auto", "full"]

CONTEXT = "context"
"""The reason to decode again that this module gives."""

TRAINED_MARGIN_SECONDS = 0.5
"""Silence after an utterance for a model that was trained on any length: the last word needs to end.

An early embedded model misheard a quarter more words without any, and no fewer with more than this.
"""

STOCK_MARGIN_SECONDS = 1.5
STOCK_LEAST_FRAMES = 256
"""A model trained on 30 s only grows unstable in little context, at least 128 positions or not.

No margin makes it stable: 2.5 s did not save large-v3-turbo from loops (MahmoudAshraf's acft figures), and
users of whisper.cpp run smaller ones with none. What makes it safe is that `suspicious` is asked of every
text; a second less is a tenth of the time of a 5 s command.
"""
LONGEST_REPEATED = 12
MOST_REPEATS = 4
"""A run of up to twelve tokens, four times and more one after the other, is a loop."""


@dataclass(frozen=True, slots=True)
class Listening:
    """How a loaded model listens, whatever it is asked.

    audio_context  "auto" lets the encoder hear the utterance and a margin, where its graph takes any
                   length; "full" always a whole chunk
    retries        decode again what cannot be trusted; off where the work must be equal, to measure it
    """

    audio_context: AudioContext = "auto"
    retries: bool = True


ADAPTIVE = Listening()


def frames_for(samples: int, settings: FeatureSettings, trained: bool) -> int:
    """How many frames the encoder hears of so many samples: an even number, at most a whole chunk.

    trained  the model was trained on sound of any length, or tuned for it
    """
    margin = TRAINED_MARGIN_SECONDS if trained else STOCK_MARGIN_SECONDS
    wanted = -(-(samples + round(margin * SAMPLE_RATE)) // (2 * settings.hop_length)) * 2
    least = 0 if trained else STOCK_LEAST_FRAMES
    return min(settings.chunk_frames, max(least, wanted))


def suspicious(decoded: Decoded, text: str, end_token: int) -> bool:
    """Whether what was decoded in a short context should rather be decided by a whole one.

    It repeats itself, is unlikely, or did not end. Silence is not taken from a short context either: what
    is decoded at all passed the silence gate.
    """
    unlikely = decoded.favoured_log_probability < UNLIKELY_TEXT
    endless = not decoded.trace or decoded.trace[-1].token != end_token
    return unlikely or endless or loops(text) or repeats(decoded.tokens)


def repeats(tokens: Sequence[int]) -> bool:
    """Whether the same few tokens follow each other again and again; short texts hardly compress for it."""
    return any(_repeats_by(tokens, length) for length in range(1, LONGEST_REPEATED + 1))


def _repeats_by(tokens: Sequence[int], length: int) -> bool:
    """Whether a stretch equals the one `length` before it, for long enough."""
    equal = 0
    for before, token in zip(tokens, tokens[length:], strict=False):
        equal = equal + 1 if before == token else 0
        if equal >= length * (MOST_REPEATS - 1):
            return True
    return False

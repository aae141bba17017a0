"""Decodes a window again, warmer, where its text is not to be trusted: the reference's temperatures."""

import zlib
from collections.abc import Callable, Sequence
from dataclasses import replace

from voice_api.speech.whisper.beam import decode_beams
from voice_api.speech.whisper.decode import Decoded, Search, Started, decode
from voice_api.speech.whisper.decoding import Decoding
from voice_api.speech.whisper.keywords import NO_KEYWORDS
from voice_api.speech.whisper.naming import with_names
from voice_api.speech.whisper.prompts import Prompt
from voice_api.speech.whisper.rules import TokenRules

TEMPERATURES = (0.0, 0.2, 0.4, 0.6, 0.8, 1.0)
LIKELY_NO_SPEECH = 0.6
UNLIKELY_TEXT = -1.0
LOOPING_TEXT = 2.4
"""The limits of the Whisper paper's reference: no speech, average log-probability, compression."""

TEMPERATURE = "temperature"
"""The reason to decode again that this module gives."""


def decode_window(
    begin: Callable[[], Decoding],
    prompt: Prompt,
    rules: TokenRules,
    search: Search,
    text_of: Callable[[Sequence[int]], str],
    *,
    started: Started | None = None,
    temperatures: Sequence[float] = TEMPERATURES,
) -> Decoded:
    """Decode one window, at rising temperatures until its text can be trusted.

    begin    a decoding of the window from its start, for each attempt
    started  what a detection of the language began; serves the first attempt
    temperatures  what to try one after the other; of one there is no other attempt
    Where no attempt can be trusted, the likeliest of those that do not repeat themselves stands (the
    reference keeps the last). A search that is warm already is made once.
    """
    tried = temperatures if search.temperature == 0.0 else (search.temperature,)
    attempts: list[Decoded] = []
    for temperature in tried:
        decoding = started if started is not None and not attempts else begin()
        warm = replace(search, temperature=temperature)
        decoded = _decoded(decoding, prompt, rules, replace(warm, keywords=NO_KEYWORDS))
        if temperature == 0.0:
            decoded = with_names(begin, prompt, rules, warm, decoded)
        attempts.append(decoded)
        if trusted(decoded, text_of(decoded.tokens)):
            break
    else:
        decoded = max(attempts, key=lambda attempt: _preference(attempt, text_of))
    return replace(decoded, retries=(TEMPERATURE,) if len(attempts) > 1 else ())


def _decoded(decoding: Decoding | Started, prompt: Prompt, rules: TokenRules, search: Search) -> Decoded:
    greedy = search.temperature > 0 or search.beams == 1
    return (decode if greedy else decode_beams)(decoding, prompt, rules, search)


def trusted(decoded: Decoded, text: str) -> bool:
    """Whether a text may stand: it does not loop and is likely, or the model says that nobody spoke."""
    likely = decoded.favoured_log_probability >= UNLIKELY_TEXT
    if not likely and decoded.no_speech_probability > LIKELY_NO_SPEECH:
        return True
    return likely and not loops(text)


def loops(text: str) -> bool:
    """Whether a text repeats itself so much that it was hardly said."""
    plain = text.encode()
    return len(plain) > LOOPING_TEXT * len(zlib.compress(plain))


def _preference(attempt: Decoded, text_of: Callable[[Sequence[int]], str]) -> tuple[bool, float]:
    return not loops(text_of(attempt.tokens)), attempt.favoured_log_probability

"""Text to speech with espeak-ng: small, instant, and never mistaken for a person."""

from collections.abc import Iterator
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from voice_api.errors import VoiceApiError
from voice_api.speech.protocol import Voice
from voice_api.speech.speakers.espeak_library import espeak_library
from voice_api.speech.speakers.sentences import sentences

DEFAULT_VOICE = "en-us"
WORDS_PER_MINUTE = 175
SLOWEST, FASTEST = 80, 450
"""Words per minute that espeak-ng can say; speeds beyond are held there."""

OPENAI_VOICES = MappingProxyType(
    {
        "alloy": "en-us",
        "ash": "en-us+m1",
        "ballad": "en-gb+m2",
        "coral": "en-us+f1",
        "echo": "en-us+m3",
        "fable": "en-gb",
        "nova": "en-us+f2",
        "onyx": "en-us+m7",
        "sage": "en-gb+f3",
        "shimmer": "en-us+f4",
        "verse": "en-gb+m5",
    }
)
"""Names that clients of OpenAI's API send, and the voice that answers to each."""


class EspeakSpeaker:
    """A Speaker; any number may be made, they share the one library of the process."""

    def __init__(self, default_voice: str = DEFAULT_VOICE) -> None:
        self._library = espeak_library()
        self._default_voice = self._known(default_voice)

    @property
    def name(self) -> str:
        return "espeak-ng"

    @property
    def sample_rate(self) -> int:
        return self._library.sample_rate

    def voices(self) -> tuple[Voice, ...]:
        """Every voice there is; each also takes `+variant`, as in en-us+f3."""
        own = [Voice(code, code, voice.name) for code, voice in sorted(self._library.voices.items())]
        borrowed = [
            Voice(name, voice.split("+")[0], f"answers to the OpenAI name: {voice}")
            for name, voice in OPENAI_VOICES.items()
        ]
        return (*own, *borrowed)

    def speak(self, text: str, voice: str | None, speed: float) -> Iterator[NDArray[np.int16]]:
        """Yield one piece of sound per sentence; VoiceApiError at once for an unknown voice.

        The library is free between two pieces, so a slow reader holds up nobody, and one that stops
        reading stops the work.
        """
        chosen = self._default_voice if voice is None else self._known(voice)
        if not 0 < speed < float("inf"):
            raise VoiceApiError("bad_speed", f"{speed} is no speed", "give a factor such as 1.0")
        rate = round(min(FASTEST, max(SLOWEST, WORDS_PER_MINUTE * speed)))
        return (self._library.synthesise(sentence, chosen, rate) for sentence in sentences(text))

    def _known(self, voice: str) -> str:
        """The voice as the library calls it; a name is never passed on unseen, it would be a path."""
        base, _, variant = OPENAI_VOICES.get(voice.lower(), voice).partition("+")
        known = self._library.voices.get(base.lower())
        if known is None or (variant and variant.lower() not in self._library.variants):
            fix = "leave the voice out, or use a language such as en-us, with a variant as in en-us+f3"
            raise VoiceApiError("unknown_voice", f"there is no voice {voice!r:.40}", fix)
        return f"{known.file}+{self._library.variants[variant.lower()].file}" if variant else known.file

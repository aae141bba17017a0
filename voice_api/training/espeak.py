"""Speech by espeak-ng, in process, with the time of every phoneme."""

import ctypes
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import espeakng_loader
import numpy as np
from numpy.typing import NDArray

OUTPUT_SYNCHRONOUS = 2
PHONEME_EVENTS = 1
BETWEEN_PHONEMES = ord("|") << 8
CHARACTERS_UTF8, PHONEMES_IN_BRACKETS = 1, 0x100
EVENT_END, EVENT_PHONEME = 0, 7
RATE, VOLUME, PITCH, RANGE = 1, 2, 3, 4


@dataclass(frozen=True, slots=True)
class Timed:
    """A phoneme and the sample it starts at."""

    start: int
    name: str


@dataclass(frozen=True, slots=True)
class Spoken:
    """One utterance, mono int16."""

    samples: NDArray[np.int16]
    sample_rate: int
    phonemes: tuple[Timed, ...]


class _Event(ctypes.Structure):
    """espeak_EVENT of speak_lib.h."""

    _fields_ = [
        ("type", ctypes.c_int),
        ("unique_identifier", ctypes.c_uint),
        ("text_position", ctypes.c_int),
        ("length", ctypes.c_int),
        ("audio_position", ctypes.c_int),
        ("sample", ctypes.c_int),
        ("user_data", ctypes.c_void_p),
        ("string", ctypes.c_char * 8),
    ]


_Callback = ctypes.CFUNCTYPE(
    ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.POINTER(_Event)
)


class Espeak:
    """The library has one state for the whole process: one instance, one thread."""

    def __init__(self, data: Path | None = None) -> None:
        """data: another folder than the package's own, to hold more voices."""
        self._library = ctypes.CDLL(espeakng_loader.get_library_path())
        self.sample_rate = self._library.espeak_Initialize(
            OUTPUT_SYNCHRONOUS, 0, str(data or espeakng_loader.get_data_path()).encode(), PHONEME_EVENTS
        )
        self._library.espeak_TextToPhonemes.restype = ctypes.c_char_p
        self._pieces: list[NDArray[np.int16]] = []
        self._phonemes: list[Timed] = []
        self._callback = _Callback(self._collect)
        self._library.espeak_SetSynthCallback(self._callback)

    def speak(
        self,
        text: str,
        voice: str,
        rate: int,
        pitch: int,
        pitch_range: int,
        *,
        accent: Callable[[str], str] | None = None,
    ) -> Spoken:
        """voice: base and variant, "gmw/en-US+f2"; rate in words a minute; pitch, range 0 to 99.

        accent: what makes of the sentence's phonemes those to be said.
        """
        self._pieces, self._phonemes = [], []
        if self._library.espeak_SetVoiceByName(voice.encode()) != 0:
            raise ValueError(f"espeak-ng knows no voice {voice}")
        for parameter, value in ((RATE, rate), (PITCH, pitch), (RANGE, pitch_range)):
            self._library.espeak_SetParameter(parameter, value, 0)
        said = f"[[{accent(self._phonemes_of(text))}]]" if accent else text
        encoded = said.encode() + b"\0"
        flags = CHARACTERS_UTF8 | (PHONEMES_IN_BRACKETS if accent else 0)
        self._library.espeak_Synth(encoded, len(encoded), 0, 1, 0, flags, None, None)
        self._library.espeak_Synchronize()
        if not self._pieces:
            raise RuntimeError(f"espeak-ng said nothing to {text!r} by {voice}: are its data still there?")
        return Spoken(np.concatenate(self._pieces), self.sample_rate, tuple(self._phonemes))

    def _phonemes_of(self, text: str) -> str:
        """Words of phonemes with "|" between them, by the rules of the voice that is set."""
        left, clauses = ctypes.c_char_p(text.encode()), []
        while left.value:
            found = self._library.espeak_TextToPhonemes(ctypes.byref(left), CHARACTERS_UTF8, BETWEEN_PHONEMES)
            clauses.append(found.decode())
        return " ".join(clauses)

    def _collect(self, samples: object, count: int, events: object) -> int:
        if samples and count > 0:
            self._pieces.append(np.ctypeslib.as_array(samples, (count,)).copy())  # type: ignore[call-overload]
        index = 0
        while (event := events[index]).type != EVENT_END:  # type: ignore[index]
            if event.type == EVENT_PHONEME:
                self._phonemes.append(Timed(event.sample, event.string.decode(errors="replace")))
            index += 1
        return 0

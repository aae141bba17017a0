"""espeak-ng as a shared library: one per process, not safe for threads, so everything holds one lock."""

import ctypes
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from types import MappingProxyType

import espeakng_loader
import numpy as np
from numpy.typing import NDArray

from voice_api.errors import VoiceApiError

# From espeak-ng's speak_lib.h.
AUDIO_SYNCHRONOUS = 2
DO_NOT_EXIT = 0x8000
POSITION_CHARACTER = 1
CHARACTERS_UTF8 = 1
END_PAUSE = 0x1000
RATE = 1
SUCCESS = 0
BUFFER_MILLISECONDS = 60
VARIANTS = b"variant"

_CALLBACK = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.POINTER(ctypes.c_int16), ctypes.c_int, ctypes.c_void_p)


class _VoiceRecord(ctypes.Structure):
    """espeak_VOICE; `languages` is one byte of priority and a code, again and again."""

    _fields_ = (
        ("name", ctypes.c_char_p),
        ("languages", ctypes.c_void_p),
        ("identifier", ctypes.c_char_p),
        ("gender", ctypes.c_ubyte),
        ("age", ctypes.c_ubyte),
        ("variant", ctypes.c_ubyte),
        ("reserved", ctypes.c_ubyte),
        ("score", ctypes.c_int),
        ("spare", ctypes.c_void_p),
    )


@dataclass(frozen=True, slots=True)
class EspeakVoice:
    """A voice, or a variant that any voice can take on.

    codes  languages it speaks with their priority, lower is better; for a variant its own name
    file   what the library knows it by
    """

    codes: tuple[tuple[int, str], ...]
    name: str
    file: str


class EspeakLibrary:
    """The loaded library; take the one there is from `espeak_library()`."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._pieces: list[NDArray[np.int16]] = []
        self._receive = _CALLBACK(self._keep)
        self._library = ctypes.CDLL(espeakng_loader.get_library_path())
        data = espeakng_loader.get_data_path().encode()
        self.sample_rate: int = self._library.espeak_Initialize(
            AUDIO_SYNCHRONOUS, BUFFER_MILLISECONDS, data, DO_NOT_EXIT
        )
        if self.sample_rate <= 0:
            fix = "install the package espeakng-loader again"
            raise VoiceApiError("speaker_missing", "espeak-ng finds none of its voices", fix, 503)
        self._library.espeak_SetSynthCallback(self._receive)
        self._library.espeak_ListVoices.restype = ctypes.POINTER(ctypes.POINTER(_VoiceRecord))
        self._library.espeak_Synth.argtypes = [
            ctypes.c_char_p,
            ctypes.c_size_t,
            *(ctypes.c_uint, ctypes.c_int, ctypes.c_uint, ctypes.c_uint),
            *(ctypes.c_void_p, ctypes.c_void_p),
        ]
        self.voices = self._voices(None)
        self.variants = self._voices(VARIANTS)

    def synthesise(self, text: str, voice: str, words_per_minute: int) -> NDArray[np.int16]:
        """Say a short text, followed by the pause that ends a sentence; plain text only, never markup."""
        written = text.encode()
        flags = CHARACTERS_UTF8 | END_PAUSE
        with self._lock:
            self._pieces = []
            self._succeeded(self._library.espeak_SetVoiceByName(voice.encode()), f"the voice {voice}")
            self._succeeded(self._library.espeak_SetParameter(RATE, words_per_minute, 0), "the speed")
            code = self._library.espeak_Synth(
                written, len(written) + 1, 0, POSITION_CHARACTER, 0, flags, None, None
            )
            self._succeeded(code, "the text")
            return np.concatenate(self._pieces) if self._pieces else np.zeros(0, dtype=np.int16)

    def _succeeded(self, code: int, what: str) -> None:
        if code != SUCCESS:
            message = f"espeak-ng refuses {what} (its error {code})"
            raise VoiceApiError("speech_failed", message, "try another voice or text", 500)

    def _keep(self, samples: "ctypes._Pointer[ctypes.c_int16]", count: int, _events: int) -> int:
        """Called by the library, while it synthesises, for each buffer it filled; 0 means go on."""
        if samples and count > 0:
            self._pieces.append(np.ctypeslib.as_array(samples, (count,)).copy())
        return 0

    def _voices(self, kind: bytes | None) -> Mapping[str, EspeakVoice]:
        """Voices by language code, or variants by name, in lower case; the best where several fit."""
        languages = None if kind is None else ctypes.create_string_buffer(kind)
        wanted = None
        if languages is not None:
            wanted = ctypes.byref(_VoiceRecord(languages=ctypes.addressof(languages)))
        found: list[EspeakVoice] = []
        with self._lock:
            records = self._library.espeak_ListVoices(wanted)
            while records[len(found)]:
                found.append(_described(records[len(found)].contents))
        ranked = sorted(
            (priority, code.lower(), index)
            for index, voice in enumerate(found)
            for priority, code in voice.codes
        )
        return MappingProxyType({code: found[index] for _, code, index in reversed(ranked)})


def _described(record: _VoiceRecord) -> EspeakVoice:
    file = record.identifier.decode(errors="replace")
    codes = ((0, file.removeprefix("!v/")),) if file.startswith("!v/") else _languages(record.languages)
    return EspeakVoice(codes, record.name.decode(errors="replace"), file.removeprefix("!v/"))


def _languages(address: int) -> tuple[tuple[int, str], ...]:
    """Pairs of a priority byte and a text that ends with zero; a zero byte ends the list."""
    codes: list[tuple[int, str]] = []
    while priority := ctypes.string_at(address, 1)[0]:
        code = ctypes.string_at(address + 1)
        codes.append((priority, code.decode(errors="replace")))
        address += len(code) + 2
    return tuple(codes)


@lru_cache(maxsize=1)
def espeak_library() -> EspeakLibrary:
    """The library, loaded when it is first wanted."""
    return EspeakLibrary()

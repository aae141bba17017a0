"""Speech by flite, in process, with the time of every phone."""

import ctypes
from dataclasses import dataclass

import numpy as np
from espeak import Spoken, Timed

PREFIX = "flite "


class _Wave(ctypes.Structure):
    """cst_wave of flite 2.2."""

    _fields_ = [
        ("type", ctypes.c_char_p),
        ("sample_rate", ctypes.c_int),
        ("num_samples", ctypes.c_int),
        ("num_channels", ctypes.c_int),
        ("samples", ctypes.POINTER(ctypes.c_short)),
    ]


class _Voice(ctypes.Structure):
    """The beginning of cst_voice of flite 2.2."""

    _fields_ = [("name", ctypes.c_char_p), ("features", ctypes.c_void_p)]


@dataclass(frozen=True, slots=True)
class Flite:
    """The library and its voices by name; needs Debian's libflite1."""

    library: ctypes.CDLL
    voices: dict[str, int]

    def speak(self, text: str, voice: str, stretch: float, pitch_hertz: float) -> Spoken:
        """stretch: 1.2 is a fifth slower; pitch_hertz: the mean that the intonation aims at."""
        features = ctypes.cast(self.voices[voice], ctypes.POINTER(_Voice)).contents.features
        self.library.feat_set_float(features, b"duration_stretch", stretch)
        self.library.feat_set_float(features, b"int_f0_target_mean", pitch_hertz)
        utterance = self.library.flite_synth_text(text.encode(), self.voices[voice])
        try:
            wave = self.library.utt_wave(utterance).contents
            samples = np.ctypeslib.as_array(wave.samples, (wave.num_samples,)).copy()
            return Spoken(samples, wave.sample_rate, tuple(self._phones(utterance, wave.sample_rate)))
        finally:
            self.library.delete_utterance(utterance)

    def _phones(self, utterance: int, sample_rate: int) -> list[Timed]:
        found, start = [], 0
        item = self.library.relation_head(self.library.utt_relation(utterance, b"Segment"))
        while item:
            end = int(self.library.item_feat_float(item, b"end") * sample_rate)
            found.append(Timed(start, PREFIX + self.library.item_feat_string(item, b"name").decode()))
            item, start = self.library.item_next(item), end
        return found


def load_flite(voices: tuple[str, ...]) -> Flite:
    for name in ("libflite.so.1", "libflite_usenglish.so.1", "libflite_cmulex.so.1"):
        ctypes.CDLL(name, ctypes.RTLD_GLOBAL)
    library = ctypes.CDLL("libflite.so.1")
    library.flite_init()
    address = ctypes.c_void_p
    for name, result, arguments in (
        ("flite_synth_text", address, [ctypes.c_char_p, address]),
        ("feat_set_float", None, [address, ctypes.c_char_p, ctypes.c_float]),
        ("utt_wave", ctypes.POINTER(_Wave), [address]),
        ("utt_relation", address, [address, ctypes.c_char_p]),
        ("relation_head", address, [address]),
        ("item_next", address, [address]),
        ("item_feat_string", ctypes.c_char_p, [address, ctypes.c_char_p]),
        ("item_feat_float", ctypes.c_float, [address, ctypes.c_char_p]),
        ("delete_utterance", None, [address]),
    ):
        function = getattr(library, name)
        function.restype, function.argtypes = result, arguments
    return Flite(library, {voice: _register(voice) for voice in voices})


def _register(voice: str) -> int:
    register = getattr(ctypes.CDLL(f"libflite_{voice}.so.1"), f"register_{voice}")
    register.restype, register.argtypes = ctypes.c_void_p, [ctypes.c_char_p]
    return int(register(None))

"""Sound as engines send it: WAV or bare samples, told apart from what is no sound."""

import base64
import binascii
import struct

import numpy as np
import soxr
from numpy.typing import NDArray

PCM, EXTENSIBLE = 1, 0xFFFE
HIGHEST_RATE = 192_000


def wav_sound(content: bytes) -> tuple[int, NDArray[np.int16]] | None:
    """Sample rate and mono samples of a WAV file of 16 bit; None for anything else.

    Lengths in the file are not believed: who sends sound while it is made writes them too great.
    """
    if content[:4] != b"RIFF" or content[8:12] != b"WAVE":
        return None
    at, channels, rate = 12, 0, 0
    while at + 8 <= len(content):
        name, (size,) = content[at : at + 4], struct.unpack_from("<I", content, at + 4)
        at += 8
        if name == b"fmt " and at + 16 <= len(content):
            kind, channels, rate, _, _, bits = struct.unpack_from("<HHIIHH", content, at)
            if kind not in (PCM, EXTENSIBLE) or bits != 16 or channels not in (1, 2):
                return None
        if name == b"data":
            return _samples(content[at : at + size], channels, rate)
        at += size + size % 2
    return None


def bare_samples(content: bytes) -> NDArray[np.int16]:
    """Little-endian samples of 16 bit; half a sample at the end is let go of."""
    return np.frombuffer(content[: len(content) // 2 * 2], "<i2").astype(np.int16)


def of_base64(text: str) -> bytes | None:
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return None


def as_base64(samples: NDArray[np.float32]) -> str:
    """Amplitudes from -1 to 1 as samples of 16 bit."""
    return base64.b64encode(as_bytes(samples)).decode("ascii")


def as_bytes(samples: NDArray[np.float32]) -> bytes:
    return (np.clip(samples, -1, 1) * 32767).astype("<i2").tobytes()


def at_rate(samples: NDArray[np.int16], rate: int, wanted: int) -> NDArray[np.int16]:
    """The same sound at another sample rate."""
    if rate == wanted:
        return samples
    return np.asarray(soxr.resample(samples, rate, wanted), np.int16)


def _samples(content: bytes, channels: int, rate: int) -> tuple[int, NDArray[np.int16]] | None:
    if not channels or not 0 < rate <= HIGHEST_RATE:
        return None
    samples = bare_samples(content)
    if channels == 2:
        pairs = samples[: samples.size // 2 * 2].reshape(-1, 2).astype(np.int32)
        samples = (pairs.sum(axis=1) // 2).astype(np.int16)
    return rate, samples

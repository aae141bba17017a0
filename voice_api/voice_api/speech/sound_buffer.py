"""Sound that comes piece by piece: from 16 bit samples of a client to what is listened to."""

import numpy as np
from numpy.typing import NDArray
from soxr import ResampleStream

from voice_api.speech.protocol import SAMPLE_RATE


class Inflow:
    """Turns pcm16 of one rate into mono sound of SAMPLE_RATE; the end of a piece may come with the next."""

    def __init__(self, sample_rate: int) -> None:
        self._sample_rate = sample_rate
        self._stream = self._begun()

    def feed(self, pcm: bytes) -> NDArray[np.float32]:
        """Whole little-endian samples of 16 bit, as amplitudes from -1 to 1."""
        samples = np.frombuffer(pcm, dtype="<i2").astype(np.float32) / np.float32(32_768)
        if self._stream is None:
            return samples
        return np.asarray(self._stream.resample_chunk(samples), np.float32)

    def end(self) -> NDArray[np.float32]:
        """What the resampler still holds back; what is fed next begins anew."""
        if self._stream is None:
            return np.empty(0, np.float32)
        rest = self._stream.resample_chunk(np.empty(0, np.float32), last=True)
        self._stream = self._begun()
        return np.asarray(rest, np.float32)

    def _begun(self) -> ResampleStream | None:
        if self._sample_rate == SAMPLE_RATE:
            return None
        return ResampleStream(self._sample_rate, SAMPLE_RATE, 1, dtype="float32")


class SoundBuffer:
    """The sound that may still be wanted; samples are counted from the first one ever appended."""

    def __init__(self) -> None:
        self._pieces: list[NDArray[np.float32]] = []
        self.begin = 0
        self.end = 0

    def append(self, samples: NDArray[np.float32]) -> None:
        self._pieces.append(samples)
        self.end += samples.size

    def take(self, sample: int) -> NDArray[np.float32]:
        """What comes before a sample; it is let go of here."""
        sound = self.sound()
        count = min(sound.size, max(0, sample - self.begin))
        # A copy, so that a short rest does not keep a long sound in memory.
        self._pieces = [sound[count:].copy()] if count < sound.size else []
        self.begin += count
        return sound[:count]

    def clear(self) -> None:
        self.take(self.end)

    def sound(self) -> NDArray[np.float32]:
        """Everything that is kept."""
        if len(self._pieces) > 1:
            self._pieces = [np.concatenate(self._pieces)]
        return self._pieces[0] if self._pieces else np.empty(0, np.float32)

"""What the servers hear and say: utterances between silences, and tones."""

import io
import wave
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

QUIET = 0.01
SILENCE_SECONDS = 0.4


@dataclass
class Ear:
    """Tells the utterances in sound that comes piece by piece, by how loud it is."""

    rate: int
    pieces: list[NDArray[np.int16]] = field(default_factory=list)
    silent: int = 0
    spoken: bool = False

    @property
    def sound(self) -> NDArray[np.int16]:
        return np.concatenate(self.pieces) if self.pieces else np.empty(0, np.int16)

    def hears_an_end(self, pcm: bytes) -> bool:
        """Whether an utterance ended with this piece."""
        piece = np.frombuffer(pcm, "<i2").astype(np.int16)
        self.pieces.append(piece)
        if piece.size and np.abs(piece.astype(np.float32) / 32768).max() > QUIET:
            self.spoken, self.silent = True, 0
        else:
            self.silent += piece.size
        if self.spoken and self.silent >= SILENCE_SECONDS * self.rate:
            self.spoken = False
            return True
        return False


def tone(rate: int, seconds: float = 0.2, hertz: float = 440) -> NDArray[np.int16]:
    at = np.arange(int(rate * seconds)) / rate
    return (np.sin(2 * np.pi * hertz * at) * 8000).astype(np.int16)


def wav(samples: NDArray[np.int16], rate: int) -> bytes:
    file = io.BytesIO()
    with wave.open(file, "wb") as sound:
        sound.setnchannels(1)
        sound.setsampwidth(2)
        sound.setframerate(rate)
        sound.writeframes(samples.astype("<i2").tobytes())
    return file.getvalue()

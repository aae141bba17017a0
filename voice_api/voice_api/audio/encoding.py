"""Speech that goes out: samples of a speaker to the usual files, whole or while it is made."""

import io
import struct
from collections.abc import Iterable, Iterator
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from soundfile import SoundFile

from voice_api.audio.resampling import at_rate
from voice_api.speech.protocol import SAMPLE_RATE

SPOKEN_RATE = 24_000
"""Samples a second of pcm and opus replies, as OpenAI's clients expect of pcm."""

AudioFormat = Literal["wav", "flac", "opus", "mp3", "pcm"]
MEDIA_TYPES: dict[AudioFormat, str] = {
    "wav": "audio/wav",
    "flac": "audio/flac",
    "opus": "audio/ogg",
    "mp3": "audio/mpeg",
    "pcm": "audio/pcm",
}
_ENCODERS: dict[AudioFormat, tuple[str, str]] = {
    "flac": ("FLAC", "PCM_16"),
    "opus": ("OGG", "OPUS"),
    "mp3": ("MP3", "MPEG_LAYER_III"),
}
_UNKNOWN_LENGTH = 0xFFFFFFFF


def resampled_speech(pieces: Iterable[NDArray[np.int16]], sample_rate: int) -> NDArray[np.float32]:
    """What a speaker said, as sound to be listened to."""
    spoken = at_rate(pieces, sample_rate, SAMPLE_RATE, np.int16)
    heard = [piece.astype(np.float32) / 32_768 for piece in spoken]
    return np.concatenate(heard) if heard else np.empty(0, np.float32)


def encode_stream(
    pieces: Iterable[NDArray[np.int16]], sample_rate: int, form: AudioFormat
) -> Iterator[bytes]:
    """Speech as a file that is sent while it is made; its header does not know the length.

    mp3 comes in one piece at the end: players believe the length its first frame declares.
    """
    if form == "mp3":
        yield encode_whole(pieces, sample_rate, form)
        return
    if form in ("wav", "pcm"):
        if form == "wav":
            yield _wav_header(sample_rate, _UNKNOWN_LENGTH)
        rate = sample_rate if form == "wav" else SPOKEN_RATE
        yield from (piece.astype("<i2").tobytes() for piece in at_rate(pieces, sample_rate, rate, np.int16))
        return
    rate = SPOKEN_RATE if form == "opus" else sample_rate
    sink = Sink()
    with _encoder(sink, rate, form) as file:
        for piece in at_rate(pieces, sample_rate, rate, np.int16):
            file.write(piece)
            if ready := sink.take():
                yield ready
    yield sink.take()


def encode_whole(pieces: Iterable[NDArray[np.int16]], sample_rate: int, form: AudioFormat) -> bytes:
    """Speech as one finished file."""
    if form == "wav":
        data = b"".join(piece.astype("<i2").tobytes() for piece in pieces)
        return _wav_header(sample_rate, len(data)) + data
    if form == "pcm":
        return b"".join(encode_stream(pieces, sample_rate, form))
    rate = SPOKEN_RATE if form == "opus" else sample_rate
    sink = Sink()
    with _encoder(sink, rate, form) as file:
        for piece in at_rate(pieces, sample_rate, rate, np.int16):
            file.write(piece)
    return sink.take()


def _encoder(sink: "Sink", sample_rate: int, form: AudioFormat) -> SoundFile:
    container, subtype = _ENCODERS[form]
    return SoundFile(sink, "w", samplerate=sample_rate, channels=1, format=container, subtype=subtype)


def _wav_header(sample_rate: int, data_bytes: int) -> bytes:
    """RIFF header of 16 bit mono PCM; an unknown length is written as all ones, as streams do."""
    riff_bytes = min(data_bytes + 36, _UNKNOWN_LENGTH)
    form = struct.pack("<IHHIIHH", 16, 1, 1, sample_rate, sample_rate * 2, 2, 16)
    return (
        b"RIFF" + struct.pack("<I", riff_bytes) + b"WAVEfmt " + form + b"data" + struct.pack("<I", data_bytes)
    )


class Sink:
    """A file in memory whose beginning can be taken away while its end is still written.

    Encoders go back to their header when they close; what was taken by then stays as it was.
    """

    def __init__(self) -> None:
        self._kept = bytearray()
        self._taken = 0
        self._position = 0

    def take(self) -> bytes:
        """Everything written since the last time."""
        ready = bytes(self._kept)
        self._taken += len(ready)
        self._kept.clear()
        return ready

    def write(self, data: bytes) -> int:
        start = self._position - self._taken
        fresh = bytes(data)[max(0, -start) :]
        start = max(0, start)
        self._kept[start : start + len(fresh)] = fresh
        self._position += len(data)
        return len(data)

    def read(self, size: int = -1) -> bytes:
        start = max(0, self._position - self._taken)
        ready = bytes(self._kept[start:] if size < 0 else self._kept[start : start + size])
        self._position += len(ready)
        return ready

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        origin = {io.SEEK_SET: 0, io.SEEK_CUR: self._position, io.SEEK_END: self._taken + len(self._kept)}
        self._position = origin[whence] + offset
        return self._position

    def tell(self) -> int:
        return self._position

    def flush(self) -> None:
        """Nothing to do: what is written is there."""

"""Sound that comes in: any usual file to mono 16 kHz, under limits."""

import io
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from soundfile import LibsndfileError, SoundFile

from voice_api.audio.resampling import at_rate
from voice_api.errors import VoiceApiError
from voice_api.logs import silenced_native_stderr
from voice_api.speech.protocol import SAMPLE_RATE

READABLE = {
    "WAV": frozenset({"PCM_U8", "PCM_16", "PCM_24", "PCM_32", "FLOAT", "DOUBLE", "ULAW", "ALAW"}),
    "FLAC": frozenset({"PCM_S8", "PCM_16", "PCM_24"}),
    "OGG": frozenset({"VORBIS", "OPUS"}),
    "MP3": frozenset({"MPEG_LAYER_III"}),
}
HOLDS_ANY_NUMBER = frozenset({"FLOAT", "DOUBLE", "VORBIS", "OPUS", "MPEG_LAYER_III"})
"""What may decode to more than full scale, or to no number at all; whole numbers cannot."""

BLOCK_SAMPLES = 65_536
"""Samples read at once over all channels: what one block may cost in memory."""

_SEND_ANOTHER = "send wav, flac, ogg (vorbis or opus) or mp3"


@dataclass(frozen=True, slots=True)
class AudioLimits:
    """What is listened to; anything beyond is refused before or while it is decoded."""

    max_seconds: float
    min_sample_rate: int
    max_sample_rate: int
    max_channels: int


@dataclass(frozen=True, slots=True)
class Sound:
    """Mono sound of SAMPLE_RATE, amplitude -1 to 1, shape [samples]."""

    samples: NDArray[np.float32]

    @property
    def duration_seconds(self) -> float:
        return len(self.samples) / SAMPLE_RATE


def read_sound(body: bytes, limits: AudioLimits, given_up: Callable[[], bool] = lambda: False) -> Sound:
    """Decode a file held in memory; VoiceApiError (4xx) for whatever cannot be listened to.

    Blocks. The length a header declares is never trusted: frames are counted as they come.
    `given_up` is asked between blocks; once true, decoding ends with the code "given_up".
    """
    with silenced_native_stderr():
        pieces = list(_decoded(body, limits, given_up))
    samples = np.concatenate(pieces) if pieces else np.empty(0, np.float32)
    if samples.size == 0:
        raise _no_sound()
    return Sound(samples)


def sound_blocks(
    body: bytes, limits: AudioLimits, given_up: Callable[[], bool] = lambda: False
) -> Iterator[NDArray[np.float32]]:
    """The same block by block, as it is asked for: for sounds that are too long to be held decoded."""
    blocks = _decoded(body, limits, given_up)
    while True:
        with silenced_native_stderr():
            block = next(blocks, None)
        if block is None:
            return
        yield block


def sound_seconds(body: bytes, limits: AudioLimits, given_up: Callable[[], bool] = lambda: False) -> float:
    """How long a file really is, with all that `read_sound` refuses: decoded once, and nothing kept."""
    samples = sum(len(block) for block in sound_blocks(body, limits, given_up))
    if samples == 0:
        raise _no_sound()
    return samples / SAMPLE_RATE


def _decoded(body: bytes, limits: AudioLimits, given_up: Callable[[], bool]) -> Iterator[NDArray[np.float32]]:
    if not body:
        raise _refused("audio_empty", "the sound is empty", "send a recording")
    with _opened(body) as file:
        _check_header(file, limits)
        blocks = _mono_blocks(file, limits, given_up)
        yield from at_rate(blocks, file.samplerate, SAMPLE_RATE, np.float32)


def _no_sound() -> VoiceApiError:
    return _refused("audio_empty", "the file holds no sound", "send a recording")


class _ForwardOnly(SoundFile):  # type: ignore[misc]  # soundfile has no types
    """Read without seeking: streamed files cannot, and where to seek is what headers lie about."""

    def seekable(self) -> bool:
        return False


@contextmanager
def _opened(body: bytes) -> Iterator[SoundFile]:
    try:
        with _ForwardOnly(io.BytesIO(body)) as file:
            yield file
    except LibsndfileError as error:
        if error.code == 1:
            raise _refused(
                "unsupported_audio_format", "this is no sound file known here", _SEND_ANOTHER, 415
            ) from None
        raise _refused("audio_damaged", "the sound file is damaged", "record or export it again") from None


def _check_header(file: SoundFile, limits: AudioLimits) -> None:
    container = "WAV" if file.format == "WAVEX" else file.format
    if file.subtype not in READABLE.get(container, ()):
        kind = f"{container}/{file.subtype}"
        raise _refused("unsupported_audio_format", f"{kind} is not read here", _SEND_ANOTHER, 415)
    if not limits.min_sample_rate <= file.samplerate <= limits.max_sample_rate:
        allowed = f"{limits.min_sample_rate} to {limits.max_sample_rate} Hz"
        message = f"the sample rate is {file.samplerate} Hz, read are {allowed}"
        raise _refused("sample_rate_out_of_range", message, "send sound of 16000 Hz")
    if file.channels > limits.max_channels:
        message = f"the sound has {file.channels} channels, read are up to {limits.max_channels}"
        raise _refused("too_many_channels", message, "send one channel")


def _mono_blocks(
    file: SoundFile, limits: AudioLimits, given_up: Callable[[], bool]
) -> Iterator[NDArray[np.float32]]:
    most_frames = int(limits.max_seconds * file.samplerate)
    frames = 0
    while len(block := file.read(BLOCK_SAMPLES // file.channels, dtype="float32", always_2d=True)):
        frames += len(block)
        if frames > most_frames:
            message = f"the sound is longer than {limits.max_seconds:g} seconds"
            raise _refused("audio_too_long", message, "send it in shorter pieces", 413)
        if given_up():
            raise _refused("given_up", "nobody waits for this any more", "send it again", 503)
        yield _mono(block, file.subtype in HOLDS_ANY_NUMBER)


def _mono(block: NDArray[np.float32], may_exceed: bool) -> NDArray[np.float32]:
    """The mean of the channels of [frames, channels], which may be overwritten; -1 to 1."""
    if may_exceed:
        if not np.isfinite(block).all():
            raise _refused(
                "audio_not_finite", "the sound holds values that are no numbers", "export it again"
            )
        np.clip(block, -1.0, 1.0, out=block)
    return block[:, 0] if block.shape[1] == 1 else block.mean(axis=1, dtype=np.float32)


def _refused(code: str, message: str, fix: str, status: int = 400) -> VoiceApiError:
    return VoiceApiError(code, message, fix, status, param="file")

"""Sound in under limits, sound out in each format."""

import io
import struct
from collections.abc import Iterator

import numpy as np
import pytest
import soundfile
from numpy.typing import NDArray

from voice_api.audio.decoding import AudioLimits, read_sound
from voice_api.audio.encoding import MEDIA_TYPES, AudioFormat, encode_stream, encode_whole
from voice_api.errors import VoiceApiError

LIMITS = AudioLimits(max_seconds=60, min_sample_rate=4_000, max_sample_rate=192_000, max_channels=8)
CONTAINERS = [
    ("WAV", "PCM_16", 16_000),
    ("WAV", "PCM_U8", 8_000),
    ("WAV", "FLOAT", 44_100),
    ("WAV", "ULAW", 8_000),
    ("FLAC", "PCM_24", 48_000),
    ("OGG", "VORBIS", 44_100),
    ("OGG", "OPUS", 48_000),
    ("MP3", "MPEG_LAYER_III", 44_100),
]


def tone(
    sample_rate: int, seconds: float = 1.0, channels: int = 1, hertz: float = 440
) -> NDArray[np.float32]:
    wave = 0.5 * np.sin(2 * np.pi * hertz * np.arange(int(sample_rate * seconds)) / sample_rate)
    return np.repeat(wave[:, None], channels, axis=1).astype(np.float32)


def file_of(
    sound: NDArray[np.float32], sample_rate: int, container: str = "WAV", subtype: str = "PCM_16"
) -> bytes:
    file = io.BytesIO()
    soundfile.write(file, sound, sample_rate, format=container, subtype=subtype)
    return file.getvalue()


def loudest_hertz(samples: NDArray[np.float32]) -> float:
    spectrum = np.abs(np.fft.rfft(samples * np.hanning(len(samples))))
    return float(np.argmax(spectrum) * 16_000 / len(samples))


def refusal(body: bytes, limits: AudioLimits = LIMITS) -> VoiceApiError:
    with pytest.raises(VoiceApiError) as caught:
        read_sound(body, limits)
    return caught.value


@pytest.mark.parametrize(("container", "subtype", "sample_rate"), CONTAINERS)
def test_a_tone_keeps_its_pitch_and_length_in_every_format(
    container: str, subtype: str, sample_rate: int
) -> None:
    sound = read_sound(file_of(tone(sample_rate), sample_rate, container, subtype), LIMITS)
    assert sound.samples.dtype == np.float32
    assert sound.duration_seconds == pytest.approx(1.0, abs=0.15)
    assert loudest_hertz(sound.samples) == pytest.approx(440, abs=3)
    assert np.abs(sound.samples).max() == pytest.approx(0.5, abs=0.06)


def test_channels_are_mixed_to_one() -> None:
    left_only = tone(16_000, channels=2) * np.array([1, 0], np.float32)
    sound = read_sound(file_of(left_only, 16_000), LIMITS)
    assert np.abs(sound.samples).max() == pytest.approx(0.25, abs=0.01)


def test_a_streamed_flac_that_does_not_know_its_length_is_read_whole() -> None:
    pieces = [np.zeros(4_000, np.int16) for _ in range(8)]
    body = b"".join(encode_stream(pieces, 16_000, "flac"))
    assert read_sound(body, LIMITS).duration_seconds == 2.0


@pytest.mark.parametrize("form", list(MEDIA_TYPES))
@pytest.mark.parametrize("streamed", [True, False])
def test_speech_comes_back_whole_from_what_it_was_encoded_to(form: AudioFormat, streamed: bool) -> None:
    sound = (tone(22_050, 3)[:, 0] * 32_767).astype(np.int16)
    pieces = np.array_split(sound, 12)
    encoded = (
        b"".join(encode_stream(pieces, 22_050, form)) if streamed else encode_whole(pieces, 22_050, form)
    )
    if form == "pcm":
        encoded = file_of(np.frombuffer(encoded, "<i2").astype(np.float32)[:, None] / 32_768, 24_000)
    heard = read_sound(encoded, LIMITS)
    assert heard.duration_seconds == pytest.approx(3.0, abs=0.1)
    assert loudest_hertz(heard.samples) == pytest.approx(440, abs=3)


@pytest.mark.parametrize("form", ["wav", "flac", "opus", "pcm"])
def test_streamed_speech_begins_before_it_is_all_spoken(form: AudioFormat) -> None:
    spoken = 0

    def pieces() -> Iterator[NDArray[np.int16]]:
        nonlocal spoken
        for piece in np.array_split((tone(22_050, 30)[:, 0] * 9_000).astype(np.int16), 60):
            spoken += 1
            yield piece

    stream = encode_stream(pieces(), 22_050, form)
    next(stream), next(stream)
    assert spoken < 60


def test_an_hour_of_silence_in_a_small_file_is_refused_early() -> None:
    file = io.BytesIO()
    with soundfile.SoundFile(file, "w", samplerate=8_000, channels=1, format="FLAC", subtype="PCM_16") as out:
        for _ in range(60):
            out.write(np.zeros(8_000 * 60, np.int16))
    assert len(file.getvalue()) < 100_000
    error = refusal(file.getvalue())
    assert (error.code, error.status) == ("audio_too_long", 413)


def test_the_length_that_a_header_declares_is_not_believed() -> None:
    body = bytearray(file_of(tone(16_000), 16_000))
    body[40:44] = struct.pack("<I", 0xFFFFFFF0)
    body[4:8] = struct.pack("<I", 0xFFFFFFF0)
    assert read_sound(bytes(body), LIMITS).duration_seconds == 1.0


def test_numbers_that_are_none_are_refused() -> None:
    for poison in (np.nan, np.inf, -np.inf):
        sound = tone(16_000)
        sound[100] = poison
        assert refusal(file_of(sound, 16_000, "WAV", "FLOAT")).code == "audio_not_finite"


def test_values_beyond_full_scale_are_cut_off() -> None:
    sound = read_sound(file_of(tone(16_000, channels=8) * np.float32(1e38), 16_000, "WAV", "FLOAT"), LIMITS)
    assert np.abs(sound.samples).max() == 1.0


@pytest.mark.parametrize(
    ("body", "code", "status"),
    [
        (b"", "audio_empty", 400),
        (b"RIFF", "unsupported_audio_format", 415),
        (b"\x1aE\xdf\xa3" + b"webm" * 99, "unsupported_audio_format", 415),
        (b"<html>" * 99, "unsupported_audio_format", 415),
        (file_of(tone(16_000)[:0], 16_000), "audio_empty", 400),
        (file_of(tone(16_000), 16_000, "AIFF"), "unsupported_audio_format", 415),
        (file_of(tone(16_000), 16_000, "WAV", "IMA_ADPCM"), "unsupported_audio_format", 415),
        (file_of(tone(2_000), 2_000), "sample_rate_out_of_range", 400),
        (file_of(tone(200_000, 0.1), 200_000), "sample_rate_out_of_range", 400),
        (file_of(tone(16_000, 0.1, channels=9), 16_000), "too_many_channels", 400),
        (file_of(tone(16_000, 61), 16_000), "audio_too_long", 413),
    ],
)
def test_what_cannot_be_listened_to_is_refused_by_name(body: bytes, code: str, status: int) -> None:
    error = refusal(body)
    assert (error.code, error.status) == (code, status)
    assert error.message
    assert error.fix


def test_decoding_stops_when_nobody_waits_any_more() -> None:
    body = file_of(tone(16_000, 30), 16_000)
    with pytest.raises(VoiceApiError) as caught:
        read_sound(body, LIMITS, given_up=lambda: True)
    assert caught.value.code == "given_up"


def test_what_the_mp3_library_prints_never_reaches_the_log(capfd: pytest.CaptureFixture[str]) -> None:
    body = bytearray(file_of(tone(44_100), 44_100, "MP3", "MPEG_LAYER_III"))
    body[2_000:2_100] = bytes(100)
    read_sound(bytes(body), LIMITS)
    assert capfd.readouterr().err == ""

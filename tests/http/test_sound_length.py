"""How long a file says it is: right for what is written by the usual encoders, and never a crash."""

import io
import random

import numpy as np
import pytest
import soundfile

from voice_api.sound_length import declared_seconds


def file_of(seconds: float, rate: int, container: str, subtype: str, channels: int = 1) -> bytes:
    sound = np.random.default_rng(0).normal(0, 0.05, (round(seconds * rate), channels)).astype(np.float32)
    file = io.BytesIO()
    soundfile.write(file, sound, rate, format=container, subtype=subtype)
    return file.getvalue()


@pytest.mark.parametrize(
    ("container", "subtype", "rate", "channels"),
    [
        ("WAV", "PCM_16", 16_000, 1),
        ("WAV", "PCM_24", 44_100, 2),
        ("WAV", "FLOAT", 48_000, 1),
        ("WAV", "ULAW", 8_000, 1),
        ("WAVEX", "PCM_16", 16_000, 2),
        ("FLAC", "PCM_16", 16_000, 1),
        ("FLAC", "PCM_24", 96_000, 2),
        ("OGG", "VORBIS", 22_050, 1),
        ("OGG", "OPUS", 24_000, 1),
        ("MP3", "MPEG_LAYER_III", 44_100, 2),
        ("MP3", "MPEG_LAYER_III", 22_050, 1),
        ("MP3", "MPEG_LAYER_III", 8_000, 1),
    ],
)
@pytest.mark.parametrize("seconds", [0.7, 12.0])
def test_the_length_of_a_file_is_read_from_its_header(
    container: str, subtype: str, rate: int, channels: int, seconds: float
) -> None:
    body = file_of(seconds, rate, container, subtype, channels)
    assert declared_seconds(body) == pytest.approx(seconds, abs=0.2)


def test_a_stream_that_does_not_know_its_length_is_as_long_as_what_came() -> None:
    body = bytearray(file_of(3, 16_000, "WAV", "PCM_16"))
    body[4:8] = body[40:44] = b"\xff\xff\xff\xff"
    assert declared_seconds(bytes(body)) == pytest.approx(3, abs=0.01)


def test_an_mp3_behind_a_tag_is_found() -> None:
    body = file_of(5, 44_100, "MP3", "MPEG_LAYER_III")
    tag = b"ID3\x04\x00\x00" + bytes((0, 0, 8, 0)) + bytes(1_024)
    assert declared_seconds(tag + body) == pytest.approx(5, abs=0.2)


@pytest.mark.parametrize("body", [b"", b"RIFF", b"fLaC", b"OggS", b"\xff\xfb", b"hello" * 100, bytes(5_000)])
def test_what_says_nothing_has_no_length(body: bytes) -> None:
    assert declared_seconds(body) is None


def test_whatever_is_broken_about_a_header_nothing_else_breaks() -> None:
    chance = random.Random(4)
    kinds = (("WAV", "PCM_16"), ("FLAC", "PCM_16"), ("OGG", "OPUS"), ("MP3", "MPEG_LAYER_III"))
    for container, subtype in kinds:
        whole = file_of(0.5, 24_000, container, subtype)
        for _ in range(300):
            body = bytearray(whole[: chance.randrange(len(whole))])
            for _ in range(chance.randrange(12) if body else 0):
                body[chance.randrange(min(len(body), 200))] = chance.randrange(256)
            assert (declared_seconds(bytes(body)) or 0.0) >= 0

"""Sound from files and pipes: sizes that a pipe could not know, samples without a header."""

import io
import struct
import wave

import pytest

from kvx.drivers.sounds import wav_from_raw, with_true_sizes

SAMPLES = bytes(range(200)) * 10


def frames(sound: bytes) -> bytes:
    with wave.open(io.BytesIO(sound)) as file:
        return file.readframes(file.getnframes())


def with_sizes(sound: bytes, riff: int, data: int) -> bytes:
    changed = bytearray(sound)
    struct.pack_into("<I", changed, 4, riff)
    struct.pack_into("<I", changed, changed.index(b"data") + 4, data)
    return bytes(changed)


@pytest.mark.parametrize(("riff", "data"), [(0xFFFFFFFF, 0xFFFFFFFF), (0x80000024, 0x80000000), (0, 0)])
def test_a_wav_from_a_pipe_gets_its_true_sizes(riff: int, data: int) -> None:
    whole = wav_from_raw(SAMPLES, 16_000)
    assert with_true_sizes(with_sizes(whole, riff, data)) == whole
    assert frames(whole) == SAMPLES


@pytest.mark.parametrize("sound", [b"", b"RIFF", b"OggS" + SAMPLES, SAMPLES, b"RIFF\0\0\0\0WAVEdata"])
def test_what_is_no_whole_wav_is_left_as_it_is(sound: bytes) -> None:
    assert with_true_sizes(sound) == sound


def test_a_whole_wav_is_left_as_it_is() -> None:
    whole = wav_from_raw(SAMPLES, 16_000) + b"LIST\4\0\0\0INFO"
    assert with_true_sizes(whole) == whole


def test_half_a_sample_at_the_end_is_left_out() -> None:
    assert frames(wav_from_raw(b"\1\2\3", 8_000)) == b"\1\2"

"""How long a sound file says it is, from its header alone: a hint for queueing, never trusted further."""

import struct
from dataclasses import dataclass

OGG_LAST_PAGE_BYTES = 70_000
OPUS_RATE = 48_000
MP3_SEARCHED_BYTES = 8_192
MP3_KILOBITS_1 = (0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 0)
MP3_KILOBITS_2 = (0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160, 0)
MP3_RATES = (44_100, 48_000, 32_000)
MP3_HALVINGS = {3: 0, 2: 1, 0: 2}
"""How often the rates are halved, by the two bits of the version: MPEG 1, 2 and 2.5."""

MP3_LAYER_THREE = 1


def declared_seconds(body: bytes) -> float | None:
    """Seconds of sound in a wav, flac, ogg or mp3 file; None where its header does not say."""
    try:
        match body[:4]:
            case b"RIFF":
                return _wav(body)
            case b"fLaC":
                return _flac(body)
            case b"OggS":
                return _ogg(body)
            case _:
                return _mp3(body)
    except (struct.error, ZeroDivisionError):
        return None


def _wav(body: bytes) -> float | None:
    """Its data over its bytes a second; a stream's data is what came, whatever the header says."""
    position, bytes_a_second = 12, 0
    while position + 8 <= len(body):
        name, size = struct.unpack_from("<4sI", body, position)
        position += 8
        if name == b"fmt ":
            channels, rate = struct.unpack_from("<HI", body, position + 2)
            (bits,) = struct.unpack_from("<H", body, position + 14)
            bytes_a_second = rate * channels * bits // 8
        elif name == b"data":
            return float(min(size, len(body) - position)) / bytes_a_second
        position += size + size % 2
    return None


def _flac(body: bytes) -> float | None:
    """STREAMINFO holds 20 bits of sample rate, 3 and 5 of channels and depth, 36 of samples."""
    (packed,) = struct.unpack_from(">Q", body, 18)
    rate, samples = packed >> 44, packed & ((1 << 36) - 1)
    return samples / rate if samples else None


def _ogg(body: bytes) -> float | None:
    """The last page tells how many samples there were by its end."""
    start = body.find(b"OpusHead", 0, 100), body.find(b"\x01vorbis", 0, 100)
    if max(start) < 0:
        return None
    rate = OPUS_RATE if start[0] >= 0 else struct.unpack_from("<I", body, start[1] + 12)[0]
    last = body.rfind(b"OggS", max(0, len(body) - OGG_LAST_PAGE_BYTES))
    (samples,) = struct.unpack_from("<q", body, last + 6)
    return float(samples) / rate if samples > 0 else None


@dataclass(frozen=True, slots=True)
class _Frame:
    """The first frame of an mp3 file; side_bytes is what lies between its header and an encoder's note."""

    position: int
    bits_a_second: int
    rate: int
    samples: int
    side_bytes: int


def _mp3(body: bytes) -> float | None:
    """From the count of frames an encoder noted in the first one, else from the first one's bit rate."""
    frame = _first_frame(body, _tag_bytes(body))
    if frame is None:
        return None
    note = frame.position + 4 + frame.side_bytes
    if body[note : note + 4] in (b"Xing", b"Info") and body[note + 7] & 1:
        (frames,) = struct.unpack_from(">I", body, note + 8)
        return float(frames) * frame.samples / frame.rate
    return (len(body) - frame.position) * 8 / frame.bits_a_second


def _tag_bytes(body: bytes) -> int:
    """What an ID3 tag takes at the beginning; its size has seven bits in each of four bytes."""
    if body[:3] != b"ID3" or len(body) < 10:
        return 0
    size = 0
    for byte in body[6:10]:
        size = size << 7 | byte & 0x7F
    return 10 + size


def _first_frame(body: bytes, begin: int) -> _Frame | None:
    end = min(len(body) - 4, begin + MP3_SEARCHED_BYTES)
    position = body.find(b"\xff", begin, end)
    while position >= 0:
        frame = _frame(position, body[position + 1 : position + 4])
        if frame is not None:
            return frame
        position = body.find(b"\xff", position + 1, end)
    return None


def _frame(position: int, header: bytes) -> _Frame | None:
    """The frame of these three bytes after the first, None if they begin none of layer 3."""
    second, third, fourth = header
    version, layer = (second >> 3) & 3, (second >> 1) & 3
    kilobits = (MP3_KILOBITS_1 if version == 3 else MP3_KILOBITS_2)[third >> 4]
    rate_index = (third >> 2) & 3
    if second < 0xE0 or version == 1 or layer != MP3_LAYER_THREE or not kilobits or rate_index == 3:
        return None
    rate = MP3_RATES[rate_index] >> MP3_HALVINGS[version]
    mono = fourth >> 6 == 3
    if version == 3:
        return _Frame(position, kilobits * 1000, rate, 1152, 17 if mono else 32)
    return _Frame(position, kilobits * 1000, rate, 576, 9 if mono else 17)

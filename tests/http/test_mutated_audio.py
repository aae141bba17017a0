"""Two hundred damaged and forged sound files: each is answered, and the same process lives on."""

import io
import random
import struct
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import numpy as np
import pytest
import soundfile

MUTATIONS_A_FORMAT = 40
GROWTH_BYTES = 64_000_000
FORMATS = [
    ("WAV", "PCM_16"),
    ("FLAC", "PCM_16"),
    ("OGG", "VORBIS"),
    ("OGG", "OPUS"),
    ("MP3", "MPEG_LAYER_III"),
]
EXTREMES = (b"\xff\xff\xff\xff", b"\x7f\xff\xff\xff", b"\xff\xff\xff\x7f", bytes(4), b"\x00\x00\x00\x80")


def mutated(original: bytes, seed: int) -> bytes:
    """The file with one to three things done to it; the same for the same seed."""
    chance = random.Random(seed)
    body = bytearray(original)
    for _ in range(chance.randint(1, 3)):
        chance.choice([truncate, flip, forge_header, forge_number, repeat, cut_out])(body, chance)
    return bytes(body)


def truncate(body: bytearray, chance: random.Random) -> None:
    del body[chance.randint(0, len(body)) :]


def flip(body: bytearray, chance: random.Random) -> None:
    for _ in range(chance.randint(1, 30) if body else 0):
        body[chance.randrange(len(body))] = chance.randrange(256)


def forge_header(body: bytearray, chance: random.Random) -> None:
    for _ in range(chance.randint(1, 10) if body else 0):
        body[chance.randrange(min(len(body), 200))] = chance.choice([0, 1, 127, 128, 255])


def forge_number(body: bytearray, chance: random.Random) -> None:
    if len(body) > 8:
        at = chance.randrange(min(len(body) - 4, 4_000))
        body[at : at + 4] = chance.choice(EXTREMES)


def repeat(body: bytearray, chance: random.Random) -> None:
    begin, end = sorted((chance.randint(0, len(body)), chance.randint(0, len(body))))
    body[begin:begin] = body[begin : min(end, begin + 5_000)]


def cut_out(body: bytearray, chance: random.Random) -> None:
    at = chance.randint(0, len(body))
    del body[at : at + chance.randint(1, 300)]


def bombs() -> Iterator[bytes]:
    """Small files that claim, or really hold, more than anybody may be made to decode."""
    hour = io.BytesIO()
    with soundfile.SoundFile(hour, "w", samplerate=8_000, channels=1, format="FLAC", subtype="PCM_16") as out:
        for _ in range(60):
            out.write(np.zeros(8_000 * 60, np.int16))
    yield hour.getvalue()
    wide = io.BytesIO()
    soundfile.write(wide, np.zeros((192_000 * 4, 8), np.int16), 192_000, format="FLAC")
    yield wide.getvalue()
    for channels, rate in ((65_535, 16_000), (1, 0xFFFFFFFF), (0, 16_000), (1, 0)):
        form = struct.pack("<IHHIIHH", 16, 1, channels, rate, 0xFFFFFFFF, 2, 16)
        yield b"RIFF\xff\xff\xff\xffWAVEfmt " + form + b"data\xff\xff\xff\xff" + bytes(2_000)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, program: Any) -> Iterator[Any]:
    server = program(tmp_path_factory.mktemp("mutated"))
    yield server
    server.end()


@pytest.mark.timeout(1_800)
def test_only_answers_and_refusals_come_back_and_the_process_lives_on(
    server: Any, recording: Callable[..., bytes]
) -> None:
    originals = [recording("list nodes", container, subtype) for container, subtype in FORMATS]
    seen: set[int] = set()
    codes: set[str] = set()
    with httpx.Client(base_url=server.url, timeout=60) as client:
        for original in originals:
            assert listen(client, original).status_code == 200
        before = client.get("/health").json()
        for seed in range(MUTATIONS_A_FORMAT * len(originals)):
            answer = listen(client, mutated(originals[seed % len(originals)], seed))
            assert answer.status_code // 100 in {2, 4}, (seed, answer.text)
            seen.add(answer.status_code)
            codes |= {answer.json()["error"]["code"]} if answer.status_code >= 400 else set()
        for bomb in bombs():
            assert listen(client, bomb).status_code // 100 in {2, 4}
        after = client.get("/health").json()
        assert client.get("/ready").status_code == 200
        assert listen(client, originals[0]).status_code == 200
    assert after["pid"] == before["pid"] == server.process.pid
    assert after["memory"]["resident_bytes"] - before["memory"]["resident_bytes"] < GROWTH_BYTES
    assert seen >= {200, 400, 415}
    assert codes >= {"unsupported_audio_format", "audio_empty"}
    assert server.lines(), "the log stays JSON whatever the C libraries print"


def listen(client: httpx.Client, body: bytes) -> httpx.Response:
    return client.post("/v1/commands", content=body, headers={"content-type": "audio/wav"})

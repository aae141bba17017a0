"""POST /v1/audio/speech: text in, sound out, in each format."""

import io
from typing import Any

import pytest
import soundfile

ROUTE = "/v1/audio/speech"


@pytest.mark.parametrize(
    ("form", "media_type", "container"),
    [
        ("wav", "audio/wav", "WAV"),
        ("flac", "audio/flac", "FLAC"),
        ("opus", "audio/ogg", "OGG"),
        ("mp3", "audio/mpeg", "MP3"),
    ],
)
def test_each_format_is_what_it_says_it_is(running: Any, form: str, media_type: str, container: str) -> None:
    wish = {"model": "tts-1", "input": "Two pods are not ready.", "voice": "alloy", "response_format": form}
    answer = running.client.post(ROUTE, json=wish)
    assert (answer.status_code, answer.headers["content-type"]) == (200, media_type)
    with soundfile.SoundFile(io.BytesIO(answer.content)) as file:
        assert file.format == container


def test_what_is_spoken_is_understood_when_it_is_sent_back(running: Any) -> None:
    wish = {"model": "tts-1", "input": "how many pods are running", "response_format": "wav"}
    spoken = running.client.post(ROUTE, json=wish).content
    answer = running.client.post("/v1/audio/transcriptions", files={"file": ("a", spoken)})
    assert answer.json()["text"] == "how many pods are running"


def test_pcm_is_sixteen_bit_at_twenty_four_kilohertz(running: Any) -> None:
    wish = {"model": "tts-1", "input": "Two pods are not ready."}
    pcm = running.client.post(ROUTE, json={**wish, "response_format": "pcm"}).content
    wav = running.client.post(ROUTE, json={**wish, "response_format": "flac"}).content
    with soundfile.SoundFile(
        io.BytesIO(running.client.post(ROUTE, json={**wish, "response_format": "mp3"}).content)
    ) as f:
        seconds = f.frames / f.samplerate
    assert len(pcm) / 2 / 24_000 == pytest.approx(seconds, abs=0.15)
    assert wav[:4] == b"fLaC"


def test_faster_speech_is_shorter(running: Any) -> None:
    wish = {"model": "tts-1", "input": "Two pods are not ready.", "response_format": "pcm"}
    slow, fast = (
        len(running.client.post(ROUTE, json={**wish, "speed": speed}).content) for speed in (0.8, 2.0)
    )
    assert fast < 0.7 * slow


@pytest.mark.parametrize(
    ("change", "param", "code", "status"),
    [
        ({"input": ""}, "input", "unsupported_value", 400),
        ({"input": "   "}, "input", "unsupported_value", 400),
        ({"input": "a" * 5_000}, "input", "text_too_long", 400),
        ({"input": None}, "input", "unsupported_value", 400),
        ({"model": "gpt-17"}, "model", "model_not_found", 404),
        ({"voice": "nobody"}, None, "unknown_voice", 400),
        ({"response_format": "aac"}, "response_format", "unsupported_value", 400),
        ({"speed": 9}, "speed", "unsupported_value", 400),
        ({"speed": "fast"}, "speed", "unsupported_value", 400),
        ({"stream_format": "sse"}, "stream_format", "unsupported_value", 400),
        ({"instructions": "whisper"}, "instructions", "unknown_parameter", 400),
    ],
)
def test_what_is_not_possible_is_refused_by_name(
    running: Any, change: dict[str, object], param: str | None, code: str, status: int
) -> None:
    wish = {"model": "tts-1", "input": "hello", "voice": "alloy", **change}
    answer = running.client.post(ROUTE, json=wish)
    error = answer.json()["error"]
    assert (answer.status_code, error["code"], error["param"]) == (status, code, param)


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"null", b'{"input": "\xff"}', b"[" * 50_000])
def test_what_is_no_json_object_is_refused(running: Any, body: bytes) -> None:
    answer = running.client.post(ROUTE, content=body, headers={"content-type": "application/json"})
    assert answer.status_code == 400
    assert answer.json()["error"]["code"] in {"bad_json", "unsupported_value"}


def test_a_missing_member_is_named(running: Any) -> None:
    answer = running.client.post(ROUTE, json={"model": "tts-1"})
    assert (answer.json()["error"]["code"], answer.json()["error"]["param"]) == ("missing_parameter", "input")

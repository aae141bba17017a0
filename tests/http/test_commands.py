"""POST /v1/commands: words or sound in, an answer about the cluster out."""

import base64
import io
from collections.abc import Callable
from typing import Any

import pytest
import soundfile

ROUTE = "/v1/commands"
SOUND = {"content-type": "audio/wav"}


def test_a_typed_command_is_answered_from_the_cluster(running: Any) -> None:
    answer = running.client.post(ROUTE, json={"text": "how many pods are not ready"}).json()
    assert answer["object"] == "voice.command"
    assert answer["id"].startswith("cmd_")
    assert answer["status"] == "SUCCESS"
    assert answer["intent"]["source"] == "grammar"
    assert answer["reply"].startswith("Two pods are not ready")
    assert answer["data"]["count"] == 2
    assert (answer["heard"], answer["audio"], answer["engine"]) == (None, None, "local")
    assert {"interpret", "act", "total"} == set(answer["timings_ms"])


def test_a_demo_is_loudly_called_a_demo(running: Any) -> None:
    data = running.client.post(ROUTE, json={"text": "list namespaces"}).json()["data"]
    assert data["cluster"] == {"name": "demo", "demo": True}
    assert "demo" in data["notice"]


@pytest.mark.parametrize("way", ["form", "body"])
def test_a_spoken_command_is_heard_and_answered(
    running: Any, recording: Callable[..., bytes], way: str
) -> None:
    sound = recording("which pods are not ready")
    if way == "form":
        answer = running.client.post(ROUTE, files={"file": ("a.wav", sound)}, data={"speak": "true"}).json()
    else:
        answer = running.client.post(ROUTE, params={"speak": "true"}, content=sound, headers=SOUND).json()
    assert answer["heard"]["text"] == answer["text"] == "which pods are not ready"
    assert answer["heard"]["duration_seconds"] > 0.5
    assert answer["status"] == "SUCCESS"
    stages = {"decode_audio", "vad", "features", "encode", "decode", "interpret", "act", "speak", "total"}
    assert set(answer["timings_ms"]) == stages
    assert answer["timings_ms"]["total"] >= answer["timings_ms"]["speak"]


@pytest.mark.parametrize(
    ("form", "container"), [("wav", "WAV"), ("opus", "OGG"), ("flac", "FLAC"), ("mp3", "MP3")]
)
def test_the_reply_is_spoken_in_the_format_asked_for(running: Any, form: str, container: str) -> None:
    wish = {"text": "how many nodes", "speak": True, "response_format": form}
    audio = running.client.post(ROUTE, json=wish).json()["audio"]
    assert audio["format"] == form
    with soundfile.SoundFile(io.BytesIO(base64.b64decode(audio["content"]))) as file:
        assert file.format == container
        assert file.frames / file.samplerate > 0.5


def test_what_was_heard_with_doubt_is_asked_back_and_not_acted_on(
    start: Any, scripted: Any, recording: Callable[..., bytes]
) -> None:
    listener = scripted(says="delete all pods")
    listener.doubtful = True
    service = start(listener=listener)
    answer = service.client.post(ROUTE, content=recording(), headers=SOUND).json()
    assert (answer["status"], answer["intent"]) == ("NEEDS_CLARIFICATION", None)
    assert "delete all pods" in answer["reply"]
    assert answer["heard"]["doubtful"] is True
    assert answer["data"]["cluster"]["demo"] is True
    assert "act" not in answer["timings_ms"]


def test_silence_is_asked_back(running: Any, silence: bytes) -> None:
    answer = running.client.post(ROUTE, content=silence, headers=SOUND).json()
    assert (answer["status"], answer["text"], answer["intent"]) == ("NEEDS_CLARIFICATION", "", None)
    assert "again" in answer["reply"]


def test_what_nobody_understands_is_asked_back(running: Any) -> None:
    answer = running.client.post(ROUTE, json={"text": "sing me a song"}).json()
    assert (answer["status"], answer["intent"]) == ("NEEDS_CLARIFICATION", None)


@pytest.mark.parametrize(
    "text", ["", "   ", "\x00", "\u202e\ud83d\ude00"[:1], "ü" * 4_096, "how many pods\n; rm -rf /"]
)
def test_odd_texts_are_answered_in_words(running: Any, text: str) -> None:
    answer = running.client.post(ROUTE, json={"text": text, "speak": True})
    assert answer.status_code == 200
    assert answer.json()["reply"]


@pytest.mark.parametrize(
    ("request_", "code", "status"),
    [
        ({"json": {"text": "x" * 5_000}}, "text_too_long", 400),
        ({"json": {}}, "missing_parameter", 400),
        ({"json": {"text": "x", "talk": True}}, "unknown_parameter", 400),
        ({"json": {"text": "x", "response_format": "aac"}}, "unsupported_value", 400),
        ({"json": {"text": "x", "voice": "nobody"}}, "unknown_voice", 400),
        ({"content": b"x"}, "unsupported_media_type", 415),
        ({"content": b"x", "headers": {"content-type": "text/plain"}}, "unsupported_media_type", 415),
        ({"content": b"x", "headers": SOUND}, "unsupported_audio_format", 415),
        ({"content": b"", "headers": SOUND}, "audio_empty", 400),
        ({"content": b"x", "headers": SOUND, "params": {"speak": "perhaps"}}, "unsupported_value", 400),
        ({"content": b"x", "headers": SOUND, "params": {"response_format": "aac"}}, "unsupported_value", 400),
        ({"content": b"x", "headers": SOUND, "params": {"loud": "1"}}, "unknown_parameter", 400),
        ({"content": b"x", "headers": SOUND, "params": {"language": "!!"}}, "unsupported_value", 400),
        ({"files": {"speak": (None, "true")}}, "missing_file", 400),
    ],
)
def test_what_cannot_be_a_command_is_refused_by_name(
    running: Any, request_: dict[str, Any], code: str, status: int
) -> None:
    answer = running.client.post(ROUTE, **request_)
    assert (answer.status_code, answer.json()["error"]["code"]) == (status, code)

"""POST /v1/audio/transcriptions: OpenAI's form, each format, each refusal."""

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from voice_api.errors import VoiceApiError
from voice_api.http.transcription_wish import Wish
from voice_api.http.transcripts import srt, transcript_response, verbose, vtt
from voice_api.speech.protocol import Segment, TranscribeOptions, Transcript, Word

ROUTE = "/v1/audio/transcriptions"


def test_a_spoken_sentence_is_written_down(running: Any, recording: Callable[..., bytes]) -> None:
    answer = running.client.post(ROUTE, files={"file": ("a.wav", recording())}, data={"model": "whisper-1"})
    assert answer.status_code == 200
    assert answer.json()["text"] == "how many pods are running"
    assert answer.json()["usage"]["type"] == "duration"


@pytest.mark.parametrize(
    ("container", "subtype"),
    [("WAV", "PCM_16"), ("FLAC", "PCM_16"), ("OGG", "VORBIS"), ("OGG", "OPUS"), ("MP3", "MPEG_LAYER_III")],
)
def test_the_same_sentence_is_heard_in_each_format(
    running: Any, recording: Callable[..., bytes], container: str, subtype: str
) -> None:
    body = recording("how many pods are running", container, subtype)
    answer = running.client.post(ROUTE, files={"file": ("a", body)}, data={"model": "whisper-1"})
    assert answer.json()["text"] == "how many pods are running"


def test_silence_has_no_words(running: Any, silence: bytes) -> None:
    answer = running.client.post(
        ROUTE, files={"file": ("a", silence)}, data={"response_format": "verbose_json"}
    )
    assert (answer.json()["text"], answer.json()["empty_because"]) == ("", "no_speech")
    assert answer.json()["reason"] is None, "the engine that was wished has answered"


@pytest.mark.parametrize(
    ("fields", "param", "code"),
    [
        ({"response_format": "diarized_json"}, "response_format", "unsupported_value"),
        ({"temperature": "2"}, "temperature", "unsupported_value"),
        ({"temperature": "nan"}, "temperature", "unsupported_value"),
        ({"temperature": "warm"}, "temperature", "unsupported_value"),
        ({"language": "English, please"}, "language", "unsupported_value"),
        ({"stream": "perhaps"}, "stream", "unsupported_value"),
        ({"stream": "true", "response_format": "srt"}, "stream", "unsupported_value"),
        ({"include[]": "logprobs"}, "include", "unsupported_value"),
        ({"languages[]": "en"}, "languages[]", "unknown_parameter"),
        ({"timestamp_granularities[]": "word"}, "timestamp_granularities", "unsupported_value"),
        ({"timestamp_granularities[]": "line"}, "timestamp_granularities", "unsupported_value"),
        ({"keywords[]": "x" * 101}, "keywords", "text_too_long"),
        ({"keywords[]": [f"name-{n}" for n in range(501)]}, "keywords", "too_many_keywords"),
        ({"timestamp_granularities[]": "segment"}, "timestamp_granularities", "unsupported_value"),
        ({"prompt": "x" * 5_000}, "prompt", "text_too_long"),
        ({"model": "gpt-17"}, "model", "model_not_found"),
    ],
)
def test_what_is_not_possible_is_refused_by_name(
    running: Any, recording: Callable[..., bytes], fields: dict[str, Any], param: str, code: str
) -> None:
    answer = running.client.post(ROUTE, files={"file": ("a.wav", recording())}, data=fields)
    error = answer.json()["error"]
    assert (error["code"], error["param"]) == (code, param)
    assert answer.status_code == (404 if code == "model_not_found" else 400)
    assert error["type"] == "invalid_request_error"
    assert error["message"]


def test_a_form_without_a_file_is_refused(running: Any) -> None:
    answer = running.client.post(ROUTE, data={"model": "whisper-1"}, files={"x": (None, "1")})
    assert answer.json()["error"]["code"] == "unknown_parameter"
    answer = running.client.post(ROUTE, files={"model": (None, "whisper-1")})
    assert (answer.status_code, answer.json()["error"]["code"]) == (400, "missing_file")


def test_two_files_or_one_of_another_name_are_refused(running: Any) -> None:
    two = [("file", ("a", b"1")), ("file", ("b", b"2"))]
    assert running.client.post(ROUTE, files=two).json()["error"]["code"] == "bad_form"
    assert (
        running.client.post(ROUTE, files={"sound": ("a", b"1")}).json()["error"]["code"]
        == "unknown_parameter"
    )


@pytest.mark.parametrize(
    ("content_type", "body", "status"),
    [
        ("application/json", b"{}", 415),
        ("multipart/form-data", b"no boundary", 400),
        ("multipart/form-data; boundary=x", b"", 400),
        ("multipart/form-data; boundary=x", b"--x\r\n\r\nno name\r\n--x--", 400),
        ("multipart/form-data; boundary=x", b"garbage" * 100, 400),
        (
            "multipart/form-data; boundary=x; charset=nope",
            b"--x\r\nContent-Disposition: form-data; name=\xff\r\n",
            400,
        ),
        ("multipart/form-data; boundary=" + "x" * 300, b"--x", 400),
    ],
)
def test_what_is_no_form_is_refused(running: Any, content_type: str, body: bytes, status: int) -> None:
    answer = running.client.post(ROUTE, content=body, headers={"content-type": content_type})
    assert answer.status_code == status
    assert answer.json()["error"]["code"] in {"bad_form", "missing_file"}


def test_subtitles_carry_their_times() -> None:
    segments = (
        Segment(0.0, 1.5, " hello", -0.1, 0.0, (1,)),
        Segment(3_661.25, 3_662.0, " you", -0.1, 0.0, (2,)),
    )
    transcript = Transcript("hello you", "en", 3_662.0, segments, 0.9, False, None, {})
    assert srt(transcript) == (
        "1\n00:00:00,000 --> 00:00:01,500\nhello\n\n2\n01:01:01,250 --> 01:01:02,000\nyou\n"
    )
    assert vtt(transcript) == (
        "WEBVTT\n\n00:00:00.000 --> 00:00:01.500\nhello\n\n01:01:01.250 --> 01:01:02.000\nyou\n"
    )


WORDS = (Word(" hello,", 0.1, 0.5, 0.98765), Word(" you", 0.6, 0.9, 0.5))
SPOKEN = Segment(0.0, 1.0, "hello, you", -0.1, 0.0, (1, 2), 0.2, WORDS)
TOLD = Transcript("hello, you", "en", 1.0, (SPOKEN,), 0.9, False, None, {})


def test_the_words_of_verbose_json_are_those_of_openai() -> None:
    told = verbose(TOLD, "transcribe", frozenset({"word"}))
    assert told["words"] == [
        {"word": "hello,", "start": 0.1, "end": 0.5, "probability": 0.9877},
        {"word": "you", "start": 0.6, "end": 0.9, "probability": 0.5},
    ]
    assert "segments" not in told
    both = verbose(TOLD, "transcribe", frozenset({"word", "segment"}))
    assert "words" in both
    assert both["segments"][0]["temperature"] == 0.2  # type: ignore[index]


def test_a_model_that_cannot_time_words_says_so_instead_of_sending_none() -> None:
    wish = Wish(None, "verbose_json", TranscribeOptions(words=True), granularities=frozenset({"word"}))
    untimed = replace(TOLD, segments=(replace(SPOKEN, words=()),))
    with pytest.raises(VoiceApiError) as caught:
        transcript_response(untimed, wish)
    assert (caught.value.code, caught.value.param) == ("no_word_times", "timestamp_granularities")
    silent = replace(TOLD, text="", segments=())
    assert json.loads(bytes(transcript_response(silent, wish).body))["words"] == []


def test_keywords_and_prompt_and_beams_reach_the_listener(
    start: Any, scripted: Any, recording: Callable[..., bytes]
) -> None:
    listener = scripted()
    service = start(listener=listener, beams=3)
    fields = {"keywords[]": ["voice-api", " grafana ", "voice-api", ""], "prompt": "the cluster"}
    answer = service.client.post(ROUTE, files={"file": recording()}, data=fields)
    assert answer.status_code == 200
    options = listener.options
    assert (options.keywords, options.prompt, options.beams) == (("voice-api", "grafana"), "the cluster", 3)

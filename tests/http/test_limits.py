"""Bounds on what a caller may cost: bytes, time, places; and what a caller who leaves still costs."""

import http.client
import socket
import threading
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest

SOUND = {"content-type": "audio/wav"}


@pytest.mark.parametrize("route", ["/v1/commands", "/v1/audio/transcriptions"])
def test_a_body_over_the_limit_is_refused(start: Any, route: str) -> None:
    service = start(max_body_bytes=100_000)
    if route == "/v1/commands":
        answer = service.client.post(route, content=bytes(100_001), headers=SOUND)
    else:
        answer = service.client.post(route, files={"file": ("a.wav", bytes(100_001))})
    assert (answer.status_code, answer.json()["error"]["code"]) == (413, "body_too_large")


def test_a_body_that_does_not_say_its_length_is_cut_at_the_limit(start: Any) -> None:
    service = start(max_body_bytes=100_000)
    answer = service.client.post("/v1/commands", content=(bytes(10_000) for _ in range(20)), headers=SOUND)
    assert (answer.status_code, answer.json()["error"]["code"]) == (413, "body_too_large")


def test_a_json_body_over_a_megabyte_is_refused(running: Any) -> None:
    headers = {"content-type": "application/json"}
    answer = running.client.post("/v1/commands", content=b" " * 1_000_001, headers=headers)
    assert answer.status_code == 413


def test_a_body_that_trickles_in_is_given_up(start: Any) -> None:
    service = start(upload_seconds=0.3)
    with slow_upload(service.url) as connection:
        answer = ""
        while "upload_too_slow" not in answer and (piece := connection.recv(4_096)):
            answer += piece.decode()
    assert answer.startswith("HTTP/1.1 408")
    assert "upload_too_slow" in answer


def test_one_upload_too_many_is_refused_with_whole_seconds_to_wait(
    start: Any, until: Callable[..., None]
) -> None:
    service = start(upload_seconds=600, max_uploads=1)
    with slow_upload(service.url):
        until(lambda: post_text(service).status_code == 429)
        answer = post_text(service)
    assert answer.json()["error"]["code"] == "too_many_uploads"
    assert int(answer.headers["retry-after"]) >= 1
    until(lambda: post_text(service).status_code == 200)


def test_when_the_queue_is_full_the_next_is_told_when_to_come_again(
    start: Any, scripted: Any, recording: Callable[..., bytes], until: Callable[..., None]
) -> None:
    listener = scripted()
    service = start(listener=listener, max_waiting=1)
    before = listener.heard
    listener.may_answer.clear()
    body = recording()
    statuses: list[int] = []

    def ask() -> None:
        statuses.append(service.client.post("/v1/commands", content=body, headers=SOUND).status_code)

    crowd = [threading.Thread(target=ask) for _ in range(2)]
    crowd[0].start()
    until(lambda: listener.heard == before + 1)
    crowd[1].start()
    until(lambda: service.service.lanes.short.waiting == 1)
    answer = service.client.post("/v1/commands", content=body, headers=SOUND)
    assert (answer.status_code, answer.json()["error"]["code"]) == (429, "queue_full")
    assert answer.json()["error"]["type"] == "rate_limit_error"
    assert answer.headers["retry-after"].isdecimal()
    listener.may_answer.set()
    for caller in crowd:
        caller.join()
    assert statuses == [200, 200]


def test_an_answer_that_takes_too_long_is_given_up(
    start: Any, scripted: Any, recording: Callable[..., bytes]
) -> None:
    listener = scripted()
    service = start(listener=listener, request_seconds=0.2)
    listener.may_answer.clear()
    answer = service.client.post("/v1/commands", content=recording(), headers=SOUND)
    listener.may_answer.set()
    assert (answer.status_code, answer.json()["error"]["code"]) == (504, "deadline_exceeded")


def test_what_a_caller_who_left_was_waiting_for_is_never_begun(
    start: Any, scripted: Any, recording: Callable[..., bytes], until: Callable[..., None]
) -> None:
    listener = scripted()
    service = start(listener=listener)
    before = listener.heard
    listener.may_answer.clear()
    body = recording()
    first = threading.Thread(target=lambda: service.client.post("/v1/commands", content=body, headers=SOUND))
    first.start()
    until(lambda: listener.heard == before + 1)
    leaving = http.client.HTTPConnection(urlsplit(service.url).netloc, timeout=60)
    leaving.request("POST", "/v1/commands", body, SOUND)
    until(lambda: service.service.lanes.short.waiting == 1)
    leaving.close()
    until(lambda: service.service.lanes.short.waiting == 0)
    listener.may_answer.set()
    first.join()
    assert post_text(service).status_code == 200
    assert listener.heard == before + 1
    assert (
        'kvx_voice_requests_total{route="/v1/commands",status="499"} 1.0'
        in service.service.figures.text().decode()
    )


def test_a_caller_who_leaves_in_the_middle_of_a_long_speech_ends_it(
    start: Any, slow_speaker: Any, until: Callable[..., None]
) -> None:
    speaker = slow_speaker(pieces=500, pause_seconds=0.02)
    service = start(speaker=speaker, proved=False)
    wish = {"model": "tts-1", "input": "a long story", "response_format": "pcm"}
    with service.client.stream("POST", "/v1/audio/speech", json=wish) as answer:
        next(answer.iter_raw(1_000))
    until(lambda: service.service.lanes.speaking.busy_seconds == 0)
    assert speaker.spoken < speaker.pieces


def test_speech_that_takes_too_long_is_cut_off(
    start: Any, slow_speaker: Any, until: Callable[..., None], caplog: pytest.LogCaptureFixture
) -> None:
    speaker = slow_speaker(pieces=5_000, pause_seconds=0.02)
    service = start(speaker=speaker, proved=False, request_seconds=5)
    wish = {"model": "tts-1", "input": "a long story", "response_format": "mp3"}
    answer = service.client.post("/v1/audio/speech", json=wish)
    assert (answer.status_code, answer.json()["error"]["code"]) == (504, "deadline_exceeded")
    with pytest.raises(httpx.RemoteProtocolError):
        service.client.post("/v1/audio/speech", json={**wish, "response_format": "pcm"})
    until(lambda: service.service.lanes.speaking.busy_seconds == 0)
    assert speaker.spoken < speaker.pieces
    assert "an answer was cut off" in caplog.messages
    assert "a request failed on a bug" not in caplog.messages


def test_many_callers_at_once_are_all_answered(start: Any, recording: Callable[..., bytes]) -> None:
    service = start(max_waiting=20)
    body = recording()
    replies: list[str] = []

    def ask() -> None:
        replies.append(service.client.post("/v1/commands", content=body, headers=SOUND).json()["status"])

    crowd = [threading.Thread(target=ask) for _ in range(12)]
    for caller in crowd:
        caller.start()
    for caller in crowd:
        caller.join()
    assert replies == ["SUCCESS"] * 12


def test_too_many_headers_or_a_huge_one_break_nothing(running: Any) -> None:
    address = urlsplit(running.url)
    with socket.create_connection((address.hostname, address.port), 60) as connection:
        connection.sendall(b"GET /health HTTP/1.1\r\nHost: x\r\nX-Long: " + b"a" * 200_000 + b"\r\n\r\n")
        assert connection.recv(100).startswith(b"HTTP/1.1 ")
    assert running.client.get("/health").status_code == 200


def test_a_request_keeps_a_sane_id_and_gets_one_for_any_other(running: Any) -> None:
    assert (
        running.client.get("/health", headers={"x-request-id": "abc-1.2_3"}).headers["x-request-id"]
        == "abc-1.2_3"
    )
    for odd in ("a b", "x" * 65, '"}{"level":"ERROR"', "\u00e9"):
        answer = running.client.get("/health", headers={"x-request-id": odd.encode()})
        assert len(answer.headers["x-request-id"]) == 32


def test_a_wrong_method_is_refused_in_the_same_shape(running: Any) -> None:
    answer = running.client.get("/v1/commands")
    assert (answer.status_code, answer.json()["error"]["code"]) == (405, "method_not_allowed")
    assert answer.headers["allow"] == "POST"
    assert answer.headers["x-request-id"]


def test_a_bug_is_answered_with_an_id_and_nothing_of_its_inside(
    start: Any, scripted: Any, recording: Callable[..., bytes]
) -> None:
    listener = scripted()
    service = start(listener=listener)
    listener.fault = ZeroDivisionError("secret inside")
    answer = service.client.post("/v1/commands", content=recording(), headers=SOUND)
    assert (answer.status_code, answer.json()["error"]["code"]) == (500, "internal_error")
    assert answer.headers["x-request-id"] in answer.text
    assert "secret" not in answer.text


def post_text(service: Any) -> Any:
    return service.client.post("/v1/commands", json={"text": "list namespaces"})


def slow_upload(url: str) -> socket.socket:
    """A connection on which a body was announced and not sent."""
    address = urlsplit(url)
    connection = socket.create_connection((address.hostname, address.port), 60)
    head = "POST /v1/commands HTTP/1.1\r\nHost: x\r\nContent-Type: audio/wav\r\nContent-Length: 5000\r\n\r\n"
    connection.sendall(head.encode() + b"RIFF")
    return connection

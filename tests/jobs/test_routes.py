"""A file that is to be heard later: asked of the voice API, kept and heard by the processor."""

import socket
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import openai
import pytest

ROUTE = "/v1/audio/transcriptions"
LATER = {"prefer": "respond-async"}
WAIT_SECONDS = 60
Wav = Callable[[float], bytes]


@pytest.fixture
def client(processor: Callable[..., Any], voice_api: Callable[..., Any]) -> httpx.Client:
    """Of a voice API with a processor."""
    return voice_api(processor_url=processor().url).client  # type: ignore[no-any-return]


def send(client: httpx.Client, sound: bytes, headers: Any = LATER, **fields: Any) -> httpx.Response:
    return client.post(ROUTE, files={"file": ("a.wav", sound)}, data=fields, headers=headers)


def ended(client: httpx.Client, place: str) -> dict[str, Any]:
    """The job once it has ended."""
    deadline = time.monotonic() + WAIT_SECONDS
    while True:
        job: dict[str, Any] = client.get(place).json()
        if job.get("ended_at"):
            return job
        assert time.monotonic() < deadline, job
        time.sleep(0.01)


def test_a_caller_who_would_rather_come_back_gets_a_job_and_then_the_words(
    client: httpx.Client, wav: Wav
) -> None:
    answer = send(client, wav(3), response_format="srt")
    assert answer.status_code == 202
    assert answer.headers["preference-applied"] == "respond-async"
    place = answer.headers["location"]
    assert place == f"/v1/jobs/{answer.json()['id']}"
    job = ended(client, place)
    assert (job["status"], job["seconds"], job["error"]) == ("completed", 3.0, None)
    result = client.get(job["result"])
    assert result.headers["content-type"].startswith("application/x-subrip")
    assert "what was said in the meeting" in result.text


def test_who_does_not_prefer_it_waits_as_before(client: httpx.Client, wav: Wav, tmp_path: Path) -> None:
    answer = send(client, wav(1), headers={"prefer": "wait=10"})
    assert (answer.status_code, answer.json()["text"]) == (200, "what was said in the meeting")


@pytest.mark.parametrize("value", ["respond-async", "Respond-Async", "wait=5, respond-async; x=1"])
def test_the_preference_is_read_as_the_standard_has_it(client: httpx.Client, wav: Wav, value: str) -> None:
    assert send(client, wav(1), headers={"prefer": value}).status_code == 202


def test_without_a_processor_the_preference_is_not_applied(voice_api: Callable[..., Any], wav: Wav) -> None:
    client = voice_api().client
    answer = send(client, wav(1))
    assert answer.status_code == 200
    assert "preference-applied" not in answer.headers
    assert client.get(f"/v1/jobs/job_{'0' * 32}").json()["error"]["code"] == "no_processor"


def test_a_job_under_way_has_no_result_yet_and_says_when_to_ask_again(
    client: httpx.Client, wav: Wav, ear: Any
) -> None:
    ear.held = True
    first, second = send(client, wav(2)).json(), send(client, wav(2)).json()
    assert ear.listening.wait(WAIT_SECONDS)
    answer = client.get(f"/v1/jobs/{second['id']}")
    assert (answer.json()["status"], answer.headers["retry-after"]) == ("queued", "1")
    assert client.get(f"/v1/jobs/{first['id']}").json()["status"] == "in_progress"
    refused = client.get(f"/v1/jobs/{first['id']}/result")
    assert (refused.status_code, refused.json()["error"]["code"]) == (409, "job_not_done")
    ear.held = False
    assert ended(client, f"/v1/jobs/{second['id']}")["status"] == "completed"


def test_a_deleted_job_is_not_heard_and_not_found(
    client: httpx.Client, wav: Wav, ear: Any, tmp_path: Path
) -> None:
    ear.held = True
    place = send(client, wav(2)).headers["location"]
    assert ear.listening.wait(WAIT_SECONDS)
    assert client.delete(place).status_code == 204
    assert client.get(place).json()["error"]["code"] == "job_not_found"
    assert client.delete(place).status_code == 404
    assert list((tmp_path / "jobs" / "sounds").iterdir()) == []


def test_a_sound_that_cannot_be_heard_says_so_in_its_job(client: httpx.Client) -> None:
    place = send(client, b"RIFF no sound at all").headers["location"]
    job = ended(client, place)
    assert (job["status"], job["error"]["code"]) == ("failed", "unsupported_audio_format")
    assert client.get(f"{place}/result").status_code == 415


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"response_format": "diarized_json"}, "unsupported_value"),
        ({"model": "gpt-17"}, "model_not_found"),
        ({"stream": "true"}, "unsupported_value"),
        ({"tempo": "1"}, "unknown_parameter"),
    ],
)
def test_a_wish_that_is_not_possible_is_refused_at_once(
    client: httpx.Client, wav: Wav, fields: dict[str, str], code: str
) -> None:
    answer = send(client, wav(1), **fields)
    assert answer.status_code in {400, 404}
    assert answer.json()["error"]["code"] == code


def test_a_request_that_is_repeated_is_heard_once(client: httpx.Client, wav: Wav, ear: Any) -> None:
    headers = {**LATER, "idempotency-key": "meeting-7"}
    first, again = send(client, wav(1), headers), send(client, wav(1), headers)
    assert first.json()["id"] == again.json()["id"]
    assert ended(client, first.headers["location"])["status"] == "completed"
    assert ear.heard == 1
    assert send(client, wav(2), headers).status_code == 422
    assert send(client, wav(2), {**LATER, "idempotency-key": "x" * 129}).status_code == 400


def test_a_processor_that_is_full_says_when_to_come_back(
    processor: Callable[..., Any], voice_api: Callable[..., Any], wav: Wav, ear: Any
) -> None:
    ear.held = True
    client = voice_api(processor_url=processor(jobs_most=1).url).client
    place = send(client, wav(1)).headers["location"]
    answer = send(client, wav(1))
    assert (answer.status_code, answer.headers["retry-after"]) == (429, "60")
    client.delete(place)
    assert send(client, wav(1)).status_code == 202


def test_a_processor_that_is_not_there_is_told_in_words(voice_api: Callable[..., Any], wav: Wav) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        url = f"http://127.0.0.1:{free.getsockname()[1]}"
    client = voice_api(processor_url=url).client
    for answer in (send(client, wav(1)), client.get(f"/v1/jobs/job_{'0' * 32}")):
        assert (answer.status_code, answer.headers["retry-after"]) == (503, "5")
        assert answer.json()["error"]["code"] == "processor_unreachable"


def test_a_processor_that_dies_in_the_middle_is_told_in_words(
    voice_api: Callable[..., Any], wav: Wav
) -> None:
    listening = socket.create_server(("127.0.0.1", 0))

    def die() -> None:
        connection, _ = listening.accept()
        connection.recv(1_000)
        connection.close()

    threading.Thread(target=die, daemon=True).start()
    client = voice_api(processor_url=f"http://127.0.0.1:{listening.getsockname()[1]}").client
    answer = send(client, wav(60))
    assert (answer.status_code, answer.json()["error"]["code"]) == (503, "processor_unreachable")
    listening.close()


def test_a_body_that_is_too_large_is_refused_before_it_is_sent_on(
    processor: Callable[..., Any], voice_api: Callable[..., Any], wav: Wav
) -> None:
    client = voice_api(processor_url=processor().url, max_body_bytes=10_000).client
    answer = send(client, wav(60))
    assert (answer.status_code, answer.json()["error"]["code"]) == (413, "body_too_large")


def test_a_body_of_unknown_length_is_passed_on_too(client: httpx.Client, wav: Wav) -> None:
    request = httpx.Request("POST", "http://x", files={"file": ("a.wav", wav(3))})
    body = request.read()

    def pieces() -> Any:
        yield from (body[at : at + 5_000] for at in range(0, len(body), 5_000))

    headers = {**LATER, "content-type": request.headers["content-type"]}
    answer = client.post(ROUTE, content=pieces(), headers=headers)
    assert answer.status_code == 202
    assert ended(client, answer.headers["location"])["seconds"] == 3.0


def test_an_upload_that_breaks_off_leaves_nothing(client: httpx.Client, wav: Wav, tmp_path: Path) -> None:
    host, port = client.base_url.host, client.base_url.port
    request = httpx.Request("POST", "http://x", files={"file": ("a.wav", wav(30))})
    body = request.read()
    with socket.create_connection((host, port or 80)) as line:
        head = f"POST {ROUTE} HTTP/1.1\r\nhost: x\r\nprefer: respond-async\r\n"
        head += f"content-type: {request.headers['content-type']}\r\ncontent-length: {len(body)}\r\n\r\n"
        line.sendall(head.encode() + body[: len(body) // 2])
    answer = send(client, wav(1))
    assert ended(client, answer.headers["location"])["status"] == "completed"
    assert [path for each in ("sounds", "arriving") for path in (tmp_path / "jobs" / each).iterdir()] == []


def test_a_refusal_waits_for_no_body(client: httpx.Client, wav: Wav) -> None:
    request = httpx.Request("POST", "http://x", files={"file": ("a.wav", wav(30))})
    body = request.read()
    head = f"POST {ROUTE} HTTP/1.1\r\nhost: x\r\nprefer: respond-async\r\nidempotency-key: {'x' * 129}\r\n"
    head += f"content-type: {request.headers['content-type']}\r\ncontent-length: {len(body)}\r\n\r\n"
    with socket.create_connection((client.base_url.host, client.base_url.port or 80), 60) as line:
        line.sendall(head.encode() + body[:1_000])
        assert line.recv(1_000).startswith(b"HTTP/1.1 400")


def test_openais_client_gets_a_job_too(client: httpx.Client, wav: Wav) -> None:
    with openai.OpenAI(base_url=f"{str(client.base_url).rstrip(chr(47))}/v1", api_key="none") as theirs:
        answer = theirs.audio.transcriptions.with_raw_response.create(
            model="whisper-1", file=("a.wav", wav(1)), extra_headers=LATER
        )
    assert answer.status_code == 202
    assert ended(client, answer.headers["location"])["status"] == "completed"


@pytest.mark.parametrize("name", ["..", "%2e%2e%2fjobs.sqlite3", "job_1", "job_" + "G" * 32])
def test_what_is_no_name_of_a_job_is_not_found(client: httpx.Client, name: str, tmp_path: Path) -> None:
    for method in ("GET", "DELETE"):
        assert client.request(method, f"/v1/jobs/{name}").status_code == 404
    assert (tmp_path / "jobs" / "jobs.sqlite3").exists()


def test_a_name_cannot_carry_a_request_of_its_own(client: httpx.Client) -> None:
    for name in ("job_1%20HTTP/1.1%0d%0ax-evil:%201", "job_1%3fx=1", f"job_{'0' * 32}%0a"):
        answer = client.get(f"/v1/jobs/{name}")
        assert (answer.status_code, answer.json()["error"]["code"]) in {
            (404, "job_not_found"),
            (404, "not_found"),
        }
    assert client.get("/v1/jobs/a%0d%0ab").json()["error"]["code"] == "job_not_found"


def test_a_processor_itself_takes_no_names_for_paths(processor: Callable[..., Any], tmp_path: Path) -> None:
    client = processor().client
    for name in ("..", "%2e%2e", "%2e%2e%2fjobs.sqlite3"):
        assert client.delete(f"/v1/jobs/{name}").status_code in {404, 405}
    assert (tmp_path / "jobs" / "jobs.sqlite3").exists()


def test_what_waited_is_heard_by_the_next_processor(
    processor: Callable[..., Any], wav: Wav, ear: Any
) -> None:
    ear.held = True
    first = processor()
    place = send(first.client, wav(1)).headers["location"]
    assert ear.listening.wait(WAIT_SECONDS)
    first.end()
    ear.held = False
    assert ended(processor().client, place)["status"] == "completed"


def test_its_figures_count_jobs(processor: Callable[..., Any], wav: Wav, ear: Any) -> None:
    ear.held = True
    served = processor()
    place = send(served.client, wav(2)).headers["location"]
    send(served.client, wav(3))
    assert ear.listening.wait(WAIT_SECONDS)
    text = served.figures.text().decode()
    assert 'kvx_voice_jobs{status="queued"} 1.0' in text
    assert 'kvx_voice_jobs{status="in_progress"} 1.0' in text
    assert "kvx_voice_jobs_held_seconds 5.0" in text
    load = served.client.get("/health").json()["jobs"]
    assert load == {"queued": 1, "in_progress": 1, "seconds": 5.0}
    ear.held = False
    ended(served.client, place)
    deadline = time.monotonic() + WAIT_SECONDS
    while 'kvx_voice_job_attempts_total{outcome="completed"} 2.0' not in served.figures.text().decode():
        assert time.monotonic() < deadline
        time.sleep(0.01)
    assert "kvx_voice_audio_heard_seconds_total 5.0" in served.figures.text().decode()
    assert served.client.get("/ready").status_code == 200


@pytest.mark.parametrize("url", ["https://x", "http://", "x", "http://x/path", "http://u:p@x", "http://x:y"])
def test_a_processor_is_named_by_host_and_port_alone(url: str) -> None:
    from voice_api.http.relay_address import processor_address
    from voice_api.settings import SettingsError

    with pytest.raises(SettingsError):
        processor_address(url)

"""The voice-api program as a process: it starts, serves, drains and hands over."""

import http.client
import json
import os
import re
import select
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest
from websockets.sync.client import connect
from websockets.typing import Subprotocol

from voice_api.http.server import FIRST_REQUEST_SECONDS

WAIT_SECONDS = 80
ALONE = ("--metrics-port", "0", "--kubeconfig", "none")


def test_it_says_ready_to_the_service_manager_only_when_it_answers(begin: Any, tmp_path: Path) -> None:
    with manager_socket(str(tmp_path / "notify")) as manager:
        program = begin(environment={"NOTIFY_SOCKET": str(tmp_path / "notify")})
        assert manager.recv(100) == b"READY=1"
        with httpx.Client(base_url=program.url, timeout=60) as client:
            assert client.get("/ready").status_code == 200
            assert client.get("/health").json()["pid"] == program.process.pid
        program.process.terminate()
        assert manager.recv(100) == b"STOPPING=1"
        assert program.process.wait(WAIT_SECONDS) == 0


def test_nothing_of_its_memory_would_be_in_a_core_dump(begin: Any) -> None:
    program = begin()
    assert httpx.get(f"{program.url}/ready", timeout=WAIT_SECONDS).status_code == 200
    assert int(Path(f"/proc/{program.process.pid}/coredump_filter").read_text(), 16) == 0


def test_it_finds_a_service_manager_on_an_abstract_socket(begin: Any) -> None:
    name = f"voice-api-test-{os.getpid()}"
    with manager_socket(f"\0{name}") as manager:
        program = begin(environment={"NOTIFY_SOCKET": f"@{name}"})
        assert manager.recv(100) == b"READY=1"
        program.process.terminate()
        assert program.process.wait(WAIT_SECONDS) == 0


def test_every_line_of_its_log_is_json_and_carries_the_request_id(
    begin: Any, recording: Callable[..., bytes]
) -> None:
    program = begin()
    broken = bytearray(recording("how many pods are running", "MP3", "MPEG_LAYER_III"))
    broken[900:1000] = bytes(100)
    with httpx.Client(base_url=program.url, timeout=WAIT_SECONDS) as client:
        client.post("/v1/commands", json={"text": "list secret words"}, headers={"x-request-id": "mine-1"})
        client.post("/v1/commands", content=bytes(broken), headers={"content-type": "audio/mpeg"})
        client.get("/nowhere")
    program.process.terminate()
    assert program.process.wait(WAIT_SECONDS) == 0
    lines = program.lines()
    mine = [line for line in lines if line["request_id"] == "mine-1"]
    assert [(line["message"], line["route"], line["status"]) for line in mine] == [
        ("request", "/v1/commands", 200)
    ]
    assert all({"time", "level", "logger", "message", "request_id"} <= line.keys() for line in lines)
    assert "secret words" not in program.log.read_text()


def test_words_are_logged_only_where_the_setting_says_so(begin: Any, recording: Callable[..., bytes]) -> None:
    program = begin("--log-transcripts", "yes")
    with httpx.Client(base_url=program.url, timeout=WAIT_SECONDS) as client:
        client.post("/v1/commands", content=recording(), headers={"content-type": "audio/wav"})
    heard = [line["words"] for line in program.lines() if line["message"] == "heard"]
    assert heard == ["how many pods are running"]


def test_a_key_is_in_no_line_however_much_is_logged(begin: Any) -> None:
    program = begin("--log-level", "debug")
    headers = {"authorization": "Bearer sk-canary-header"}
    offered = [Subprotocol("realtime"), Subprotocol("openai-insecure-api-key.sk-canary-offered")]
    with httpx.Client(base_url=program.url, timeout=WAIT_SECONDS, headers=headers) as client:
        client.get("/health")
        client.post("/v1/commands", json={"text": "list the nodes"})
    address = f"{program.url.replace('http', 'ws')}/v1/conversation?session=canary"
    with connect(
        address, subprotocols=offered, additional_headers=headers, open_timeout=WAIT_SECONDS
    ) as socket:
        assert json.loads(socket.recv(WAIT_SECONDS))["type"] == "session.created"
    assert {line["level"] for line in program.lines()} >= {"DEBUG", "INFO"}
    assert "canary" not in program.log.read_text()


def test_the_figures_are_on_a_port_of_their_own(begin: Any, until: Callable[..., None]) -> None:
    program = begin()
    with httpx.Client(timeout=WAIT_SECONDS) as client:
        client.get(f"{program.url}/health")
        counted = 'kvx_voice_requests_total{route="/health",status="200"} 1.0'
        until(lambda: counted in client.get(program.metrics_url).text)
        answer = client.get(program.metrics_url)
        assert answer.headers["content-type"].startswith("text/plain")
        assert "kvx_voice_model_info{" in answer.text
        assert client.get(program.metrics_url.replace("/metrics", "/other")).status_code == 404
        assert client.get(f"{program.url}/metrics").status_code == 404


def test_on_sigterm_it_ends_what_runs_and_then_itself(begin: Any) -> None:
    program = begin()
    with httpx.Client(base_url=program.url, timeout=WAIT_SECONDS) as client:
        client.get("/ready")
        with slow_command(program) as connection:
            program.process.terminate()
            time.sleep(0.5)
            assert program.process.poll() is None
            connection.sendall(b'namespaces"}')
            answer = connection.makefile("rb").read()
        assert answer.startswith(b"HTTP/1.1 200")
        assert b"voice.command" in answer
    assert program.process.wait(WAIT_SECONDS) == 0


def test_on_sigterm_a_connection_without_a_request_yet_is_still_answered(begin: Any) -> None:
    for _ in range(5):
        program = begin()
        with socket.create_connection(program.socket.getsockname(), timeout=WAIT_SECONDS) as connection:
            httpx.get(f"{program.url}/ready", timeout=WAIT_SECONDS)  # which came after it, and was answered
            ended = time.monotonic()
            program.process.terminate()
            time.sleep(0.3)
            connection.sendall(b"GET /health HTTP/1.1\r\nHost: here\r\nConnection: close\r\n\r\n")
            if time.monotonic() - ended < FIRST_REQUEST_SECONDS:
                assert connection.makefile("rb").read().startswith(b"HTTP/1.1 200")
                assert program.process.wait(WAIT_SECONDS) == 0
                return
    raise AssertionError("this machine was never quick enough to ask in time")


def test_what_does_not_end_within_the_drain_is_cut_off(begin: Any) -> None:
    patient, hasty = begin("--drain-seconds", "600"), begin("--drain-seconds", "1")
    for program in (patient, hasty):
        httpx.get(f"{program.url}/ready", timeout=WAIT_SECONDS)
    with slow_command(patient), slow_command(hasty):
        patient.process.terminate()
        hasty.process.terminate()
        assert hasty.process.wait(WAIT_SECONDS) == 0
        assert patient.process.poll() is None


@pytest.mark.parametrize("second", [signal.SIGTERM, signal.SIGINT])
def test_a_second_signal_ends_it_at_once(begin: Any, tmp_path: Path, second: signal.Signals) -> None:
    with manager_socket(str(tmp_path / "notify")) as manager:
        program = begin("--drain-seconds", "600", environment={"NOTIFY_SOCKET": str(tmp_path / "notify")})
        assert manager.recv(100) == b"READY=1"
        with slow_command(program):
            program.process.terminate()
            assert manager.recv(100) == b"STOPPING=1"
            program.process.send_signal(second)
            assert program.process.wait(WAIT_SECONDS) == 128 + second


def test_a_second_process_on_the_same_socket_takes_over_without_a_refused_request(begin: Any) -> None:
    first = begin()
    statuses: list[int] = []
    stop = threading.Event()

    def ask() -> None:
        while not stop.wait(0.01):
            connection = http.client.HTTPConnection(*first.socket.getsockname(), timeout=WAIT_SECONDS)
            connection.request("GET", "/health")
            statuses.append(connection.getresponse().status)
            connection.close()

    with httpx.Client(base_url=first.url, timeout=WAIT_SECONDS) as client:
        client.get("/ready")
    asking = threading.Thread(target=ask)
    asking.start()
    second = subprocess.Popen(
        [sys.executable, "-m", "voice_api", "serve", "--fd", str(first.socket.fileno()), *ALONE],
        pass_fds=(first.socket.fileno(),),
        stderr=subprocess.PIPE,
    )
    try:
        assert second.stderr is not None
        while b'"serving"' not in second.stderr.readline():
            assert second.poll() is None
        first.process.terminate()
        assert first.process.wait(WAIT_SECONDS) == 0
        pid = httpx.get(f"{first.url}/health", timeout=WAIT_SECONDS).json()["pid"]
    finally:
        stop.set()
        asking.join()
        second.kill()
        second.communicate()
    assert pid == second.pid
    assert set(statuses) == {200}


def test_on_a_terminal_the_log_is_readable(tmp_path: Path) -> None:
    parent, child = os.openpty()
    try:
        with subprocess.Popen(
            [
                sys.executable,
                "-m",
                "voice_api",
                "serve",
                "--port",
                "0",
                "--metrics-port",
                "0",
                "--kubeconfig",
                "none",
            ],
            stderr=child,
        ) as process:
            seen = b""
            deadline = time.monotonic() + WAIT_SECONDS
            while b"serving" not in seen and time.monotonic() < deadline:
                if select.select([parent], [], [], 0.5)[0]:
                    seen += os.read(parent, 4_096)
            process.terminate()
    finally:
        os.close(parent)
        os.close(child)
    assert process.returncode == 0
    assert re.search(r"\d\d:\d\d:\d\d info +serving host=127.0.0.1 port=\d+", seen.decode())


def manager_socket(address: str) -> socket.socket:
    manager = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    manager.bind(address)
    manager.settimeout(WAIT_SECONDS)
    return manager


def slow_command(program: Any) -> socket.socket:
    """A connection with a request that has begun and whose last bytes are still to come."""
    connection = socket.create_connection(program.socket.getsockname(), WAIT_SECONDS)
    body = b'{"text":"how many namespaces"}'
    head = ["POST /v1/commands HTTP/1.1", "Host: x", "Content-Type: application/json"]
    text = "\r\n".join([*head, f"Content-Length: {len(body)}", "", ""])
    connection.sendall(text.encode() + body[:-12])
    httpx.get(f"{program.url}/health", timeout=WAIT_SECONDS)  # which came after it, and was answered
    return connection

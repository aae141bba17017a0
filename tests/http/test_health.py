"""/health says that the process lives, /ready whether it can answer, /metrics what it did."""

import asyncio
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from voice_api.http.memory import limit_bytes, resident_bytes


def test_health_names_the_version_the_engines_the_cluster_and_the_memory(running: Any) -> None:
    report = running.client.get("/health").json()
    assert report["status"] == "alive"
    assert report["version"] == "0.1.0"
    assert report["engine"]["listener"] == running.service.engines.listener.name
    assert report["cluster"] == {"name": "demo", "demo": True}
    assert 20_000_000 < report["memory"]["resident_bytes"] < report["memory"]["limit_bytes"]
    assert report["uptime_seconds"] >= 0


def test_it_is_ready_after_a_real_decode(running: Any) -> None:
    answer = running.client.get("/ready")
    assert (answer.status_code, answer.json()) == (200, {"status": "ready"})


def test_it_is_not_ready_before_the_first_decode(start: Any) -> None:
    service = start(proved=False)
    answer = service.client.get("/ready")
    assert (answer.status_code, answer.json()["reason"]) == (503, "no_decode_yet")
    assert service.client.get("/health").status_code == 200
    asyncio.run(service.service.prove())
    assert service.client.get("/ready").status_code == 200


def test_it_is_not_ready_while_the_model_fails_and_finds_out_itself_when_it_works_again(
    start: Any, scripted: Any, recording: Callable[..., bytes]
) -> None:
    listener = scripted()
    service = start(listener=listener)
    listener.fault = RuntimeError("the session is broken")
    upload = {"file": recording()}
    assert service.client.post("/v1/audio/transcriptions", files=upload).status_code == 500
    answer = service.client.get("/ready")
    assert (answer.status_code, answer.json()["reason"]) == (503, "decode_failed")
    assert service.client.get("/health").status_code == 200
    listener.fault = None
    assert service.client.get("/ready").status_code == 200


def test_it_is_not_ready_when_little_memory_is_left(start: Any) -> None:
    service = start(memory_limit_bytes=resident_bytes() + 100_000_000, memory_headroom_bytes=10_000_000_000)
    answer = service.client.get("/ready")
    assert (answer.status_code, answer.json()["reason"]) == (503, "memory_low")
    assert int(answer.headers["retry-after"]) >= 1
    sound = {"content": b"RIFF", "headers": {"content-type": "audio/wav"}}
    refused = service.client.post("/v1/commands", **sound)
    assert (refused.status_code, refused.json()["error"]["code"]) == (503, "memory_low")
    assert service.client.post("/v1/commands", json={"text": "list nodes"}).status_code == 200


def test_it_is_not_ready_while_the_model_hangs(
    start: Any, scripted: Any, recording: Callable[..., bytes], until: Callable[..., None]
) -> None:
    listener = scripted()
    service = start(listener=listener, request_seconds=0.1)
    listener.may_answer.clear()
    until(lambda: too_late(service, recording()) and listener.heard == 2)
    until(lambda: service.client.get("/ready").status_code == 503)
    assert service.client.get("/ready").json()["reason"] == "model_stuck"
    listener.may_answer.set()
    until(lambda: service.client.get("/ready").status_code == 200)


def test_it_is_not_ready_while_it_drains(start: Any) -> None:
    service = start()
    service.service.readiness.draining = True
    assert service.client.get("/ready").json()["reason"] == "draining"


def test_health_answers_at_once_while_the_model_works(
    start: Any, scripted: Any, recording: Callable[..., bytes]
) -> None:
    listener = scripted()
    service = start(listener=listener)
    listener.listening.clear()
    listener.may_answer.clear()
    body = recording()
    busy = threading.Thread(
        target=lambda: service.client.post("/v1/audio/transcriptions", files={"file": body})
    )
    busy.start()
    assert listener.listening.wait(60)
    assert service.client.get("/health").status_code == 200
    assert listener.heard == 2, "it is still listening"
    listener.may_answer.set()
    busy.join()


def test_the_figures_count_requests_stages_sound_and_refusals(
    start: Any, recording: Callable[..., bytes], until: Callable[..., None]
) -> None:
    service = start()
    service.client.post("/v1/commands", content=recording(), headers={"content-type": "audio/wav"})
    service.client.post("/v1/commands", json={"text": "list namespaces", "speak": True})
    service.client.post("/v1/commands", json={"text": "x", "unknown": 1})
    service.client.get("/nowhere/at/all")
    until(lambda: 'route="unmatched"' in service.service.figures.text().decode())
    text = service.service.figures.text().decode()
    for line in (
        'kvx_voice_requests_total{route="/v1/commands",status="200"} 2.0',
        'kvx_voice_requests_total{route="/v1/commands",status="400"} 1.0',
        'kvx_voice_requests_total{route="unmatched",status="404"} 1.0',
        'kvx_voice_rejected_total{code="unknown_parameter"} 1.0',
        'kvx_voice_stage_seconds_count{stage="decode_audio"} 1.0',
        'kvx_voice_stage_seconds_count{stage="decode"} 1.0',
        'kvx_voice_stage_seconds_count{stage="interpret"} 2.0',
        "kvx_voice_ready 1.0",
        "kvx_voice_requests_in_flight 0.0",
        "kvx_voice_queue_waiting 0.0",
        'kvx_voice_queue_seconds{lane="short"} 0.0',
        'kvx_voice_queue_seconds{lane="long"} 0.0',
        "kvx_voice_context_fallback_total 0.0",
    ):
        assert line in text
    figures = dict(line.rsplit(" ", 1) for line in text.splitlines() if not line.startswith("#"))
    assert float(figures["kvx_voice_audio_heard_seconds_total"]) > 0.5
    assert float(figures["kvx_voice_audio_spoken_seconds_total"]) > 0.5
    assert float(figures["kvx_voice_resident_memory_bytes"]) > 20_000_000


@pytest.mark.parametrize(
    ("cgroup", "files", "limit"),
    [
        ("0::/pod/box\n", {"pod/box/memory.max": "max\n", "pod/memory.max": "300000000\n"}, 300_000_000),
        ("0::/pod\n", {"pod/memory.max": "200000000\n", "memory.max": "900000000"}, 200_000_000),
        ("4:cpu:/x\n3:memory:/a\n", {"memory/a/memory.limit_in_bytes": "100000000\n"}, 100_000_000),
    ],
)
def test_the_tightest_container_limit_counts(
    cgroup: str, files: dict[str, str], limit: int, tmp_path: Path
) -> None:
    for name, content in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(content)
    assert limit_bytes(0, cgroup, tmp_path) == limit
    assert limit_bytes(5, cgroup, tmp_path) == 5


def test_health_names_the_processor_the_kernels_the_threads_and_the_lanes(start: Any) -> None:
    report = start(threads=3).client.get("/health").json()
    assert report["threads"] == {"count": 3, "from": "the setting threads"}
    assert report["cpu"]["int8_kernel"]
    assert set(report["queue"]) == {"short", "long", "speaking", "acting", "elsewhere"}
    assert report["queue"]["short"]["seconds"] == 0
    assert report["queue"]["short"]["seconds_heard_per_second"] != 1, "measured at the first decode"
    assert start().client.get("/health").json()["threads"]["from"] != "the setting threads"


def test_a_short_context_that_was_not_trusted_is_counted(
    start: Any, scripted: Any, recording: Callable[..., bytes]
) -> None:
    listener = scripted()
    listener.retries = ("context", "temperature", "temperature")
    service = start(listener=listener)
    service.client.post("/v1/audio/transcriptions", files={"file": recording()})
    text = service.service.figures.text().decode()
    assert "kvx_voice_context_fallback_total 1.0" in text
    assert 'kvx_voice_retries_total{reason="temperature"} 2.0' in text


@pytest.mark.parametrize("lane", ["short", "long"])
def test_it_is_not_ready_while_either_lane_that_hears_is_stuck(
    start: Any, scripted: Any, recording: Callable[..., bytes], until: Callable[..., None], lane: str
) -> None:
    listener = scripted()
    service = start(listener=listener, request_seconds=0.1, short_seconds=30 if lane == "short" else 1)
    listener.may_answer.clear()
    until(lambda: too_late(service, recording()) and listener.heard == 2)
    until(lambda: service.client.get("/ready").status_code == 503)
    assert service.client.get("/ready").json()["reason"] == "model_stuck"
    assert service.client.get("/health").json()["queue"][lane]["seconds"] >= 0
    listener.may_answer.set()
    until(lambda: service.client.get("/ready").status_code == 200)


def too_late(service: Any, sound: bytes) -> bool:
    """On a busy machine it may be so before it is heard at all."""
    answer = service.client.post("/v1/audio/transcriptions", files={"file": sound})
    return bool(answer.status_code == 504)

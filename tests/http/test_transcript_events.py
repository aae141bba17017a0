"""stream=true on /v1/audio/transcriptions: segments as they become final, and nothing else."""

import json
import threading
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import openai
import pytest
from numpy.typing import NDArray

from voice_api.speech.protocol import ALONE, Company, Segment, TranscribeOptions, Transcript

ROUTE = "/v1/audio/transcriptions"
SAYINGS = ("how many pods are running", "list namespaces", "and the nodes")


class SegmentByStep:
    """Stands for a model that hears a long file: one segment after the other, when it may."""

    name = "by-step"

    def __init__(self) -> None:
        self.may_go_on = threading.Semaphore(0)
        self.fails = False
        self.ended = threading.Event()

    def transcribe(
        self, samples: NDArray[np.float32], options: TranscribeOptions, company: Company = ALONE
    ) -> Transcript:
        segments = []
        try:
            for number, text in enumerate(SAYINGS):
                while not self.may_go_on.acquire(timeout=0.05):
                    company.go_on()
                if self.fails:
                    raise openai.OpenAIError("a bug of the model")
                segments.append(Segment(number, number + 1, text, -0.1, 0.0, (1, 2, 3)))
                company.heard(segments[-1])
        finally:
            self.ended.set()
        return Transcript(" ".join(SAYINGS), "en", 2.5, tuple(segments), 0.9, False, None, {"decode": 1.0})


@pytest.fixture
def service(start: Any) -> Any:
    listener = SegmentByStep()
    running = start(listener=listener, proved=False)
    return replace(running), listener


def events(lines: Any) -> Any:
    return (json.loads(line.removeprefix("data: ")) for line in lines if line)


def test_openais_client_reads_the_segments_and_the_end(running: Any, recording: Callable[..., bytes]) -> None:
    with openai.OpenAI(base_url=f"{running.url}/v1", api_key="none", max_retries=0, timeout=60) as client:
        stream = client.audio.transcriptions.create(
            model="whisper-1", file=("a.wav", recording()), stream=True, response_format="json"
        )
        heard = list(stream)
    assert [each.type for each in heard] == ["transcript.text.delta", "transcript.text.done"]
    assert heard[0].delta == heard[1].text == "how many pods are running"
    assert heard[1].usage.type == "tokens"
    assert heard[1].usage.total_tokens == heard[1].usage.input_tokens + heard[1].usage.output_tokens


def test_a_segment_is_sent_as_soon_as_it_is_final(service: Any, silence: bytes) -> None:
    running, listener = service
    listener.may_go_on.release()
    form = {"files": {"file": silence}, "data": {"stream": "true"}}
    with running.client.stream("POST", ROUTE, **form) as answer:
        assert answer.headers["content-type"].startswith("text/event-stream")
        told = events(answer.iter_lines())
        assert next(told)["delta"] == SAYINGS[0]
        assert not listener.ended.is_set(), "the rest is still being heard"
        listener.may_go_on.release(2)
        rest = list(told)
    assert [each.get("delta") for each in rest] == [f" {SAYINGS[1]}", f" {SAYINGS[2]}", None]
    assert rest[-1]["type"] == "transcript.text.done"
    assert rest[-1]["text"] == " ".join(SAYINGS)


def test_who_leaves_in_the_middle_frees_the_lane(service: Any, silence: bytes, until: Any) -> None:
    running, listener = service
    listener.may_go_on.release()
    with running.client.stream("POST", ROUTE, files={"file": silence}, data={"stream": "true"}) as answer:
        next(events(answer.iter_lines()))
    assert listener.ended.wait(60)
    until(lambda: running.service.lanes.short.busy_seconds == 0)


def test_what_fails_before_a_word_was_heard_is_an_ordinary_error(running: Any) -> None:
    answer = running.client.post(ROUTE, files={"file": b"no sound"}, data={"stream": "true"})
    assert (answer.status_code, answer.json()["error"]["code"]) == (415, "unsupported_audio_format")


def test_silence_is_only_an_end(running: Any, silence: bytes) -> None:
    answer = running.client.post(ROUTE, files={"file": silence}, data={"stream": "true"})
    told = list(events(answer.text.splitlines()))
    assert [(each["type"], each["text"]) for each in told] == [("transcript.text.done", "")]


def test_a_deadline_in_the_middle_is_told_in_the_stream(start: Any, silence: bytes) -> None:
    listener = SegmentByStep()
    running = start(listener=listener, proved=False, request_seconds=5)
    listener.may_go_on.release()
    answer = running.client.post(ROUTE, files={"file": silence}, data={"stream": "true"})
    told = list(events(answer.text.splitlines()))
    assert told[0]["delta"] == SAYINGS[0]
    assert told[-1]["error"]["code"] == "deadline_exceeded"
    assert listener.ended.wait(60)

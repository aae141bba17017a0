"""A file of ten minutes beside short commands: each caller gets his own words, and none waits for it."""

import io
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest
import soundfile
from numpy.typing import NDArray

from voice_api.speech.protocol import ALONE, Company, TranscribeOptions, Transcript

ROUTE = "/v1/audio/transcriptions"
SENTENCES = (
    "how many pods are running",
    "list namespaces",
    "which pods are not ready",
    "how many nodes are there",
    "how many namespaces are there",
)


@pytest.fixture(scope="module")
def ten_minutes(engines: Any) -> tuple[bytes, list[str]]:
    """Sentences half a minute from each other, and what is said in them."""
    speaker, said = engines.speaker, [SENTENCES[number % 5] for number in range(20)]
    sound = np.zeros(600 * speaker.sample_rate, np.int16)
    for number, sentence in enumerate(said):
        spoken = np.concatenate(list(speaker.speak(sentence, None, 1.0)))
        start = (30 * number + 10) * speaker.sample_rate
        sound[start : start + spoken.size] = spoken
    file = io.BytesIO()
    soundfile.write(file, sound, speaker.sample_rate, format="FLAC")
    return file.getvalue(), said


def test_ten_minutes_and_short_commands_side_by_side_get_their_own_words(
    start: Any, ten_minutes: tuple[bytes, list[str]], recording: Callable[..., bytes]
) -> None:
    service = start()
    body, said = ten_minutes
    long: dict[str, Any] = {}

    def send_long() -> None:
        answer = service.client.post(ROUTE, files={"file": body}, timeout=120)
        long.update(answer.json(), ended=time.monotonic())

    sending = threading.Thread(target=send_long)
    sending.start()
    while service.service.lanes.long.busy_seconds == 0:
        time.sleep(0.01)
    heard: list[tuple[str, str]] = []

    def ask(sentence: str) -> None:
        for _ in range(2):
            answer = service.client.post(ROUTE, files={"file": recording(sentence)})
            heard.append((sentence, answer.json()["text"]))

    crowd = [threading.Thread(target=ask, args=(sentence,)) for sentence in SENTENCES]
    for caller in crowd:
        caller.start()
    for caller in crowd:
        caller.join()
    short_ended = time.monotonic()
    sending.join()
    assert [text for sentence, text in heard] == [sentence for sentence, _ in heard]
    assert len(heard) == 10
    assert long["text"] == " ".join(said)
    assert short_ended < long["ended"], "the short ones did not wait for the long one"
    assert long["usage"]["seconds"] == 600


@dataclass
class Endless:
    """Stands for a model that hears a long file for ever, and a short one at once."""

    name: str = "endless"
    begun: threading.Event = field(default_factory=threading.Event)
    may_end: threading.Event = field(default_factory=threading.Event)
    steps: int = 0

    def transcribe(
        self, samples: NDArray[np.float32], options: TranscribeOptions, company: Company = ALONE
    ) -> Transcript:
        while len(samples) > 30 * 16_000 and not self.may_end.is_set():
            self.begun.set()
            company.go_on()
            self.steps += 1
            time.sleep(0.005)
        return Transcript("short", "en", 1.0, (), None, False, None, {"decode": 1.0})


def test_who_leaves_a_long_file_frees_its_lane(
    start: Any, until: Any, ten_minutes: tuple[bytes, Any]
) -> None:
    listener = Endless()
    service = start(listener=listener, proved=False, request_seconds=1)
    answer = service.client.post(ROUTE, files={"file": ten_minutes[0]})
    assert (answer.status_code, answer.json()["error"]["code"]) == (504, "deadline_exceeded")
    until(lambda: service.service.lanes.long.busy_seconds == 0)
    assert service.client.post(ROUTE, files={"file": ten_minutes[0]}).status_code == 504


def test_the_lane_of_long_files_refuses_by_seconds_and_the_short_one_stays_open(
    start: Any, until: Any, ten_minutes: tuple[bytes, Any], recording: Callable[..., bytes]
) -> None:
    listener = Endless()
    service = start(listener=listener, proved=False, request_seconds=100, max_queue_seconds=900)
    first = threading.Thread(target=lambda: service.client.post(ROUTE, files={"file": ten_minutes[0]}))
    first.start()
    assert listener.begun.wait(60)
    refused = service.client.post(ROUTE, files={"file": ten_minutes[0]})
    assert (refused.status_code, refused.json()["error"]["code"]) == (429, "queue_full")
    assert int(refused.headers["retry-after"]) > 60
    assert service.client.post(ROUTE, files={"file": recording()}).json()["text"] == "short"
    listener.may_end.set()
    first.join()


def test_a_file_that_does_not_say_that_it_is_long_is_heard_among_the_long_ones(
    start: Any, scripted: Any
) -> None:
    file = io.BytesIO()
    soundfile.write(file, np.zeros(40 * 16_000, np.int16), 16_000, format="FLAC")
    body = bytearray(file.getvalue())
    body[21:26] = bytes([body[21] & 0xF0]) + bytes(4)  # as an encoder writes it that streams
    listener = scripted()
    service = start(listener=listener)
    answer = service.client.post(ROUTE, files={"file": bytes(body)})
    assert answer.status_code == 200
    assert answer.json()["usage"]["seconds"] == 40
    assert service.service.lanes.long.idle.wait(60)
    assert service.service.lanes.long.rate.per_second > 1, "it was heard in the other lane"
    refused = start(listener=listener, max_audio_seconds=35).client.post(ROUTE, files={"file": bytes(body)})
    assert (refused.status_code, refused.json()["error"]["code"]) == (413, "audio_too_long")

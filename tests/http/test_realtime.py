"""/v1/realtime: a transcription while it is spoken, in OpenAI's dialect, and all that clients do wrong."""

import base64
import contextlib
import json
import random
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

import httpx
import numpy as np
import openai
import pytest
import soxr
import websockets.sync.client
from websockets.exceptions import ConnectionClosed, InvalidStatus

WAIT_SECONDS = 80
MOST_TENTHS_OF_SILENCE = 200
SENTENCE = "how many pods are running"
TRANSCRIPTION = "conversation.item.input_audio_transcription"


class Client:
    """One session over the plain websockets library."""

    def __init__(self, socket: Any) -> None:
        self.socket = socket

    def say(self, kind: str, **members: Any) -> None:
        self.socket.send(json.dumps({"type": kind, **members}))

    def append(self, pcm: bytes, paced: bool = False) -> None:
        """Sound in pieces of a tenth of a second, at 24 kHz."""
        for start in range(0, len(pcm), 4_800):
            self.say("input_audio_buffer.append", audio=base64.b64encode(pcm[start : start + 4_800]).decode())
            time.sleep(0.1 if paced else 0)

    def until(self, kind: str) -> list[dict[str, Any]]:
        """Everything up to the first event of a kind; an error ends it, too."""
        seen = []
        while True:
            seen.append(json.loads(self.socket.recv(WAIT_SECONDS)))
            if seen[-1]["type"] in (kind, "error"):
                return seen

    def waiting_for_words(self) -> list[dict[str, Any]]:
        """Everything up to the first words of what is said; the speaker is silent meanwhile."""
        for _ in range(MOST_TENTHS_OF_SILENCE):
            self.append(bytes(4_800))
            with contextlib.suppress(TimeoutError):
                return [json.loads(self.socket.recv(0.1))]
        raise AssertionError("it is told nothing")

    def by_hand(self) -> None:
        """Have the client say where an utterance ends."""
        self.until("session.created")
        self.say(
            "session.update", session={"type": "transcription", "audio": {"input": {"turn_detection": None}}}
        )
        assert self.until("session.updated")[-1]["session"]["audio"]["input"]["turn_detection"] is None


@pytest.fixture
def connect() -> Iterator[Callable[..., Client]]:
    with ExitStack() as open_sockets:

        def begin(url: str, query: str = "intent=transcription", **more: Any) -> Client:
            address = f"{url.replace('http', 'ws')}/v1/realtime?{query}"
            socket = websockets.sync.client.connect(address, open_timeout=WAIT_SECONDS, **more)
            return Client(open_sockets.enter_context(socket))

        yield begin


@pytest.fixture(scope="module")
def pcm(engines: Any) -> Callable[..., bytes]:
    """A sentence as pcm16 of a rate, after and before silence."""

    def record(text: str = SENTENCE, rate: int = 24_000, silence_seconds: float = 0.0) -> bytes:
        speaker = engines.speaker
        sound = soxr.resample(np.concatenate(list(speaker.speak(text, None, 1.0))), speaker.sample_rate, rate)
        silence = np.zeros(round(silence_seconds * rate), np.int16)
        return bytes(np.concatenate((silence, sound, silence)).astype("<i2").tobytes())

    return record


def texts(events: list[dict[str, Any]]) -> str:
    return "".join(event["delta"] for event in events if event["type"] == f"{TRANSCRIPTION}.delta")


def test_an_utterance_is_told_while_it_is_spoken_and_completed_when_it_is_committed(
    running: Any, connect: Any, pcm: Any
) -> None:
    client = connect(running.url)
    client.by_hand()
    client.append(pcm(), paced=True)
    told = client.waiting_for_words()
    client.say("input_audio_buffer.commit")
    events = told + client.until(f"{TRANSCRIPTION}.completed")
    kinds = [event["type"] for event in events]
    assert kinds.index(f"{TRANSCRIPTION}.delta") < kinds.index("input_audio_buffer.committed")
    assert texts(events) == events[-1]["transcript"]
    assert events[-1]["transcript"] == SENTENCE
    assert events[-1]["usage"]["type"] == "duration"
    assert len({event["item_id"] for event in events if "item_id" in event}) == 1
    assert len({event["event_id"] for event in events}) == len(events)


def test_the_silence_gate_says_itself_where_utterances_begin_and_end(
    running: Any, connect: Any, pcm: Any
) -> None:
    client = connect(running.url)
    session = client.until("session.created")[-1]["session"]
    assert session["audio"]["input"]["turn_detection"]["type"] == "server_vad"
    client.append(pcm(silence_seconds=1) + pcm("list namespaces", silence_seconds=1))
    first, second = client.until(f"{TRANSCRIPTION}.completed"), client.until(f"{TRANSCRIPTION}.completed")
    assert [first[-1]["transcript"], second[-1]["transcript"]] == [SENTENCE, "list namespaces"]
    started, stopped = first[0], next(e for e in first if e["type"].endswith("speech_stopped"))
    assert started["type"] == "input_audio_buffer.speech_started"
    assert 400 < started["audio_start_ms"] < 1_200 < stopped["audio_end_ms"]
    created = next(event for event in second if event["type"] == "conversation.item.created")
    assert created["previous_item_id"] == first[-1]["item_id"]


def test_sound_of_sixteen_kilohertz_is_heard_too(running: Any, connect: Any, pcm: Any) -> None:
    client = connect(running.url)
    client.by_hand()
    form = {"type": "audio/pcm", "rate": 16_000}
    client.say("session.update", session={"type": "transcription", "audio": {"input": {"format": form}}})
    assert client.until("session.updated")[-1]["session"]["audio"]["input"]["format"] == form
    client.append(pcm(rate=16_000))
    client.say("input_audio_buffer.commit")
    assert client.until(f"{TRANSCRIPTION}.completed")[-1]["transcript"] == SENTENCE


def test_the_older_dialect_is_understood(running: Any, connect: Any, pcm: Any) -> None:
    client = connect(running.url, additional_headers={"OpenAI-Beta": "realtime=v1"})
    assert client.until("transcription_session.created")[-1]["session"]["input_audio_format"] == "pcm16"
    wish = {"input_audio_transcription": {"model": "whisper-1", "language": "en"}, "turn_detection": None}
    client.say("transcription_session.update", session={"input_audio_format": "pcm16", **wish})
    session = client.until("transcription_session.updated")[-1]["session"]
    assert session["input_audio_transcription"]["language"] == "en"
    client.append(pcm())
    client.say("input_audio_buffer.commit")
    assert client.until(f"{TRANSCRIPTION}.completed")[-1]["transcript"] == SENTENCE


def test_openais_own_client_holds_a_session(running: Any, pcm: Any) -> None:
    with openai.OpenAI(base_url=f"{running.url}/v1", api_key="none", max_retries=0) as client:
        query = {"intent": "transcription"}
        options: Any = {"open_timeout": WAIT_SECONDS}
        with client.realtime.connect(
            model="whisper-1", extra_query=query, websocket_connection_options=options
        ) as connection:
            session: Any = {"type": "transcription", "audio": {"input": {"turn_detection": None}}}
            connection.session.update(session=session)
            connection.input_audio_buffer.append(audio=base64.b64encode(pcm()).decode())
            connection.input_audio_buffer.commit()
            for event in connection:
                assert event.type != "error"
                if event.type == f"{TRANSCRIPTION}.completed":
                    break
    assert event.transcript == SENTENCE


def test_what_was_cleared_is_never_heard(running: Any, connect: Any, pcm: Any) -> None:
    client = connect(running.url)
    client.by_hand()
    client.append(pcm("list namespaces"))
    client.say("input_audio_buffer.clear")
    client.until("input_audio_buffer.cleared")
    client.append(pcm())
    client.say("input_audio_buffer.commit")
    assert client.until(f"{TRANSCRIPTION}.completed")[-1]["transcript"] == SENTENCE
    client.say("input_audio_buffer.commit", event_id="mine")
    error = client.until("error")[-1]["error"]
    assert (error["code"], error["event_id"]) == ("input_audio_buffer_commit_empty", "mine")


@dataclass(frozen=True)
class Names:
    """Stands for what is known of a cluster."""

    all: tuple[str, ...]
    spaces: tuple[str, ...]

    def likely(self) -> tuple[str, ...]:
        return self.all

    def namespaces(self) -> tuple[str, ...]:
        return self.spaces

    def said(self, names: Any) -> None: ...


def test_a_turn_that_is_not_understood_is_heard_again_with_live_names(
    start: Any, connect: Any, pcm: Any
) -> None:
    sentence = "list the deployments in kestrel"
    heard = {}
    for settings in ({"live_names": False}, {}):
        service = start(names=Names(("kestrel",), ("kestrel",)), **settings)
        client = connect(service.url)
        client.by_hand()
        client.append(pcm(sentence))
        client.say("input_audio_buffer.commit")
        heard[len(settings)] = client.until(f"{TRANSCRIPTION}.completed")[-1]["heard"]
    assert heard[1] != sentence, "heard right without names shows nothing"
    assert heard[0] == sentence
    assert 'kvx_voice_live_names_total{outcome="taken"} 1.0' in service.service.figures.text().decode()


def test_the_clients_own_keywords_are_always_favoured_and_live_names_where_they_are_needed(
    start: Any, scripted: Any, connect: Any, pcm: Any
) -> None:
    listener = scripted()
    service = start(listener=listener, names=Names(("grafana",), ("shop",)))
    client = connect(service.url)
    client.by_hand()
    wish = {"transcription": {"keywords": ["Ada"], "prompt": "the shop", "language": "en"}}
    client.say("session.update", session={"type": "transcription", "audio": {"input": wish}})
    client.append(pcm())
    client.say("input_audio_buffer.commit")
    client.until(f"{TRANSCRIPTION}.completed")
    assert listener.options.keywords == ("Ada",)
    live = listener.options.live
    assert live.names == ("grafana",)
    assert live.understanding.settled("how many pods are in shop")
    assert not live.understanding.settled("how many pods are in grafana")
    assert (listener.options.prompt, listener.options.language) == ("the shop", "en")


def test_a_speech_without_end_is_cut_where_it_is_as_long_as_can_be_heard_at_once(
    start: Any, scripted: Any, connect: Any
) -> None:
    listener = scripted(says="on and on")
    service = start(listener=listener, short_seconds=2)
    client = connect(service.url)
    client.by_hand()
    client.append(bytes(24_000 * 2 * 5))
    ended = [client.until(f"{TRANSCRIPTION}.completed")[-1] for _ in range(2)]
    assert [event["usage"]["seconds"] for event in ended] == [2, 2]
    client.say("input_audio_buffer.commit")
    assert client.until(f"{TRANSCRIPTION}.completed")[-1]["usage"]["seconds"] == 1


@pytest.mark.parametrize(
    ("event", "code"),
    [
        ({"type": "response.create"}, "unknown_event"),
        ({"type": "input_audio_buffer.append", "audio": "!!"}, "bad_audio"),
        ({"type": "input_audio_buffer.append", "audio": "AAA="[:4]}, None),
        ({"type": "input_audio_buffer.append", "audio": "AA=="}, "bad_audio"),
        ({"type": "input_audio_buffer.append", "audio": 7}, "bad_audio"),
        ({"type": "input_audio_buffer.append"}, "bad_audio"),
        ({"type": "session.update", "session": {"type": "realtime"}}, "unsupported_value"),
        ({"type": "session.update", "session": []}, "unsupported_value"),
        ({"type": "session.update", "session": {"include": ["x"]}}, "unsupported_value"),
        (
            {"type": "transcription_session.update", "session": {"input_audio_format": "g711_ulaw"}},
            "unsupported_value",
        ),
        ({"type": 7}, "bad_event"),
        ({}, "bad_event"),
    ],
)
def test_what_cannot_be_done_is_told_and_the_session_goes_on(
    running: Any, connect: Any, event: dict[str, Any], code: str | None
) -> None:
    client = connect(running.url)
    client.until("session.created")
    client.socket.send(json.dumps(event))
    client.say("input_audio_buffer.clear")
    answers = client.until("error" if code else "input_audio_buffer.cleared")
    assert answers[-1].get("error", {}).get("code") == code
    if code:
        client.until("input_audio_buffer.cleared")


@pytest.mark.parametrize(
    "wish",
    [
        {"format": {"type": "audio/pcmu"}},
        {"format": {"type": "audio/pcm", "rate": 8_000}},
        {"noise_reduction": {"type": "near_field"}},
        {"turn_detection": {"type": "semantic_vad"}},
        {"turn_detection": {"type": "server_vad", "threshold": 2}},
        {"turn_detection": {"type": "server_vad", "silence_duration_ms": True}},
        {"turn_detection": "none"},
        {"transcription": {"model": "gpt-17"}},
        {"transcription": {"language": "English, please"}},
        {"transcription": {"language": 5}},
        {"transcription": {"keywords": "one"}},
        {"transcription": {"keywords": ["x"] * 501}},
        {"transcription": {"prompt": "x" * 5_000}},
        {"transcription": {"delay": "low"}},
    ],
)
def test_settings_that_cannot_be_had_change_nothing(running: Any, connect: Any, wish: dict[str, Any]) -> None:
    client = connect(running.url)
    client.until("session.created")
    session = {"type": "transcription", "audio": {"input": {"transcription": {"language": "en"}, **wish}}}
    client.say("session.update", session=session)
    assert client.until("session.updated")[-1]["type"] == "error"
    client.say("session.update", session={"type": "transcription"})
    unchanged = client.until("session.updated")[-1]["session"]["audio"]["input"]
    assert unchanged["transcription"]["language"] is None
    assert unchanged["format"]["rate"] == 24_000


def test_garbage_is_answered_and_too_much_of_it_ends_the_session(running: Any, connect: Any) -> None:
    chance = random.Random(6)
    client = connect(running.url)
    client.until("session.created")

    def send_garbage() -> None:
        for _ in range(200):
            garbage = chance.randbytes(chance.randrange(60))
            client.socket.send(garbage if chance.random() < 0.5 else garbage.decode("latin-1"))
            client.until("error")

    with pytest.raises(ConnectionClosed) as caught:
        send_garbage()
    assert caught.value.rcvd is not None
    assert caught.value.rcvd.code == 1008
    assert running.client.get("/health").status_code == 200


def test_broken_frames_and_half_messages_end_only_their_own_session(running: Any, connect: Any) -> None:
    chance = random.Random(7)
    for _ in range(15):
        client = connect(running.url)
        client.until("session.created")
        client.socket.socket.sendall(chance.randbytes(chance.randrange(1, 400)))
        client.socket.socket.close()
    assert running.client.get("/ready").status_code == 200


def test_a_message_that_is_too_large_ends_the_session(begin: Any, connect: Any) -> None:
    program = begin()
    httpx.get(f"{program.url}/ready", timeout=WAIT_SECONDS)
    client = connect(program.url)
    client.until("session.created")
    client.say("input_audio_buffer.append", audio="A" * (1 << 21))
    with pytest.raises(ConnectionClosed) as caught:
        client.until("error")
    assert caught.value.rcvd is not None
    assert caught.value.rcvd.code == 1009


@pytest.mark.parametrize(
    ("query", "status", "code"),
    [
        ("intent=poetry", 400, "unsupported_value"),
        ("intent=transcription&model=gpt-17", 404, "model_not_found"),
    ],
)
def test_another_intent_or_model_is_refused_at_the_door(
    running: Any, connect: Any, query: str, status: int, code: str
) -> None:
    with pytest.raises(InvalidStatus) as caught:
        connect(running.url, query)
    assert caught.value.response.status_code == status
    assert json.loads(caught.value.response.body)["error"]["code"] == code


def test_one_session_too_many_is_refused_until_another_ends(start: Any, connect: Any, until: Any) -> None:
    service = start(realtime_sessions=1)
    first = connect(service.url)
    first.until("session.created")
    assert "kvx_voice_realtime_sessions 1.0" in service.service.figures.text().decode()
    with pytest.raises(InvalidStatus) as caught:
        connect(service.url)
    assert caught.value.response.status_code == 429
    assert caught.value.response.headers["retry-after"].isdecimal()
    first.socket.close()
    until(lambda: service.service.sessions.open == 0)
    connect(service.url).until("session.created")


def test_a_session_in_which_nothing_comes_is_closed(start: Any, connect: Any) -> None:
    client = connect(start(realtime_idle_seconds=0.5).url)
    assert client.until("error")[-1]["error"]["code"] == "idle_timeout"
    with pytest.raises(ConnectionClosed):
        client.socket.recv(WAIT_SECONDS)


def test_a_session_that_has_said_enough_is_closed(start: Any, connect: Any) -> None:
    client = connect(start(realtime_seconds=3).url)
    with contextlib.suppress(ConnectionClosed):  # it may be closed before the last piece is sent
        client.append(bytes(24_000 * 2 * 4))
    assert client.until("error")[-1]["error"]["code"] == "session_too_long"


def test_a_session_is_told_that_the_service_ends_and_closed(begin: Any, connect: Any, pcm: Any) -> None:
    program = begin()
    httpx.get(f"{program.url}/ready", timeout=WAIT_SECONDS)
    client = connect(program.url)
    client.by_hand()
    client.append(pcm())
    client.say("input_audio_buffer.commit")
    assert client.until(f"{TRANSCRIPTION}.completed")[-1]["transcript"] == SENTENCE
    client.append(pcm())
    program.process.terminate()
    assert client.until("error")[-1]["error"]["code"] == "stopping"
    with pytest.raises(ConnectionClosed) as caught:
        client.socket.recv(WAIT_SECONDS)
    assert caught.value.rcvd is not None
    assert caught.value.rcvd.code == 1001
    assert program.process.wait(WAIT_SECONDS) == 0
    assert "Traceback" not in program.log.read_text()


def test_who_leaves_in_the_middle_of_an_utterance_leaves_nothing_running(
    start: Any, scripted: Any, connect: Any, pcm: Any, until: Any
) -> None:
    listener = scripted()
    service = start(listener=listener)
    client = connect(service.url)
    client.by_hand()
    client.append(pcm(), paced=True)
    client.socket.close()
    until(lambda: service.service.sessions.open == 0)
    until(service.service.lanes.short.idle.is_set)
    heard = listener.heard
    time.sleep(0.8)
    assert listener.heard == heard


def test_a_client_that_does_not_read_is_not_waited_for_and_costs_the_others_nothing(
    start: Any, scripted: Any, connect: Any, pcm: Any
) -> None:
    """It sends on and on without reading: what it is not told stops its own session, and no other."""
    service = start(listener=scripted(says="yes " * 50_000))
    stubborn = connect(service.url, max_queue=1)
    stubborn.by_hand()
    sound = base64.b64encode(pcm()[:9_600]).decode()

    def send_on() -> None:
        try:
            for _ in range(3_000):
                stubborn.say("input_audio_buffer.append", audio=sound)
                stubborn.say("input_audio_buffer.commit")
        except (ConnectionClosed, OSError):
            pass

    sending = threading.Thread(target=send_on, daemon=True)
    sending.start()
    time.sleep(1)
    before = service.service.readiness.memory.resident()
    other = connect(service.url)
    other.by_hand()
    other.append(pcm())
    other.say("input_audio_buffer.commit")
    assert other.until(f"{TRANSCRIPTION}.completed")[-1]["transcript"].startswith("yes yes")
    assert service.service.readiness.memory.resident() - before < 60_000_000
    stubborn.socket.close_socket()
    sending.join(WAIT_SECONDS)
    assert not sending.is_alive()

"""OpenAI's Realtime dialect, against a server that OpenAI's own client accepts, in all moods."""

import base64
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import openai
import pytest

from voice_api.engines.engine import Happening
from voice_api.engines.failure import EngineFailedError, Failure
from voice_api.engines.keys import key_in
from voice_api.engines.loop import Loop
from voice_api.engines.realtime_dialect import RealtimeConverser

KEY = "sk-canary-7f3a9b"
DEADLINE, HASTY, PATIENCE = 100.0, 3.0, 60.0
SPEECH = (np.sin(np.arange(16_000, dtype=np.float32) / 10) * 0.5).astype(np.float32)
SILENCE = np.zeros(16_000, np.float32)


@pytest.fixture
def converser(realtime_server, key_file: Path) -> Iterator[RealtimeConverser]:
    loop = Loop()
    key = partial(key_in, key_file)
    yield RealtimeConverser(
        "openai", loop, key, realtime_server.address, voice="marin", deadline_seconds=DEADLINE
    )
    loop.close()


def one_turn(converser: RealtimeConverser) -> list[Happening]:
    conversation = converser.converse("be brief")
    try:
        conversation.send(np.concatenate((SPEECH, SILENCE)))
        happenings = []
        for happening in conversation.happenings():
            happenings.append(happening)
            if happening.what == "answered":
                conversation.end()
        return happenings
    finally:
        conversation.end()


def test_a_conversation_has_sound_both_ways(realtime_server, converser: RealtimeConverser) -> None:
    happenings = one_turn(converser)
    kinds = ["interrupted", "heard", "sound", "sound", "said", "answered", "ended"]
    assert [happening.what for happening in happenings] == kinds
    assert (happenings[1].text, happenings[4].text) == (
        "how many pods are running",
        "there are three of them",
    )
    sound = np.concatenate([each.samples for each in happenings if each.samples is not None])
    assert (sound.size, happenings[2].sample_rate) == (2 * 4_800, 24_000)
    assert np.abs(sound).max() > 7_000
    there = realtime_server.heard[0].sound
    assert there.size > 47_000, "two seconds, at the rate of the API"
    assert np.abs(there[:20_000]).max() > 15_000
    wished = realtime_server.sent[0]["session"]
    assert wished["instructions"] == "be brief"
    assert wished["audio"]["output"]["voice"] == "marin"
    assert realtime_server.keys == [f"Bearer {KEY}"]
    assert realtime_server.paths == ["/v1/realtime?model=gpt-realtime"]


def test_events_that_are_not_known_are_let_pass(realtime_server, converser: RealtimeConverser) -> None:
    realtime_server.fault = "new kind of message"
    assert [happening.what for happening in one_turn(converser)][-2:] == ["answered", "ended"]


@pytest.mark.parametrize(
    ("fault", "failure"),
    [
        ("429", Failure("throttled", spent=False, retry_after_seconds=7)),
        ("503", Failure("failed", spent=False, retry_after_seconds=7)),
        ("401", Failure("refused", spent=False)),
        ("402", Failure("exhausted", spent=False)),
        ("301", Failure("failed", spent=False)),
        ("slow first byte", Failure("too_late", spent=False)),
        ("silent from the first", Failure("too_late", spent=True)),
        ("out of credit", Failure("exhausted", spent=True)),
        ("too many at once", Failure("throttled", spent=True)),
        ("bad configuration", Failure("refused", spent=True, ours=True)),
        ("failed inside", Failure("failed", spent=True)),
        ("close 1001", Failure("closed", spent=True)),
        ("close 1008", Failure("refused", spent=True)),
        ("close 1011", Failure("failed", spent=True)),
        ("close 1013", Failure("throttled", spent=True)),
        ("cut off", Failure("closed", spent=True)),
        ("cut off within the answer", Failure("closed", spent=True)),
        ("close within the answer", Failure("failed", spent=True)),
        ("out of credit within the answer", Failure("exhausted", spent=True)),
        ("no json", Failure("failed", spent=True)),
        ("no object", Failure("failed", spent=True)),
        ("binary", Failure("failed", spent=True)),
        ("no sound", Failure("failed", spent=True)),
    ],
)
def test_each_fault_is_told_in_time_and_without_the_key(
    realtime_server,
    converser: RealtimeConverser,
    everything_told: Callable[[BaseException], str],
    *,
    fault: str,
    failure: Failure,
) -> None:
    realtime_server.fault = fault
    realtime_server.retry_after = "7" if failure.retry_after_seconds else None
    asked = replace(converser, deadline_seconds=HASTY) if failure.reason == "too_late" else converser
    started = time.monotonic()
    with pytest.raises(EngineFailedError) as caught:
        one_turn(asked)
    assert time.monotonic() - started < PATIENCE
    assert caught.value.failure == failure
    assert realtime_server.keys == [f"Bearer {KEY}"], "it was asked once, and nowhere else"
    assert KEY not in everything_told(caught.value)


def test_without_a_key_nobody_is_asked(realtime_server, converser: RealtimeConverser, key_file: Path) -> None:
    key_file.unlink()
    with pytest.raises(EngineFailedError) as caught:
        converser.converse("")
    assert caught.value.failure == Failure("no_key", spent=False, ours=True)
    assert not realtime_server.keys


def test_openais_own_client_accepts_the_server(realtime_server) -> None:
    client = openai.OpenAI(api_key="another", base_url=realtime_server.address, max_retries=0)
    kinds, sound = [], b""
    options: Any = {"open_timeout": PATIENCE}
    with client.realtime.connect(model="gpt-realtime", websocket_connection_options=options) as connection:
        connection.session.update(session={"type": "realtime", "instructions": "be brief"})
        pcm = (np.concatenate((SPEECH, SILENCE)) * 32767).astype("<i2").tobytes()
        for start in range(0, len(pcm), 3_200):
            audio = base64.b64encode(pcm[start : start + 3_200]).decode()
            connection.input_audio_buffer.append(audio=audio)
        for event in connection:
            kinds.append(event.type)
            if event.type == "response.output_audio.delta":
                sound += base64.b64decode(event.delta)
            if event.type == "response.done":
                assert event.response.status == "completed"
                break
    assert kinds[:2] == ["session.created", "session.updated"]
    assert len(sound) == 2 * 2 * 4_800

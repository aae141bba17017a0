"""The engine for transcriptions elsewhere, against a stand-in that the real client accepts, in all moods."""

import socket
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import numpy as np
import openai
import pytest

from voice_api.engines.calls import Calls
from voice_api.engines.failure import EngineFailedError, Failure, of_status, waiting_seconds
from voice_api.engines.keys import key_in
from voice_api.engines.openai_http import OpenAiListener
from voice_api.errors import VoiceApiError
from voice_api.speech.protocol import Company, GivenUpError, TranscribeOptions

SOUND = np.sin(np.arange(16_000 * 2, dtype=np.float32) / 10)
DEADLINE, HASTY, PATIENCE = 100.0, 3.0, 60.0
"""Seconds: of a call that is to work on any machine, of one that is to be late, and for that to be seen."""

NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)


KEY = "sk-canary-7f3a9b"


@pytest.fixture
def listener(provider, key_file: Path) -> Iterator[OpenAiListener]:
    calls = Calls(provider.address)
    yield OpenAiListener("elsewhere", calls, "whisper-1", partial(key_in, key_file), DEADLINE)
    calls.close()


def failure_of(listener: OpenAiListener) -> Failure:
    with pytest.raises(EngineFailedError) as caught:
        listener.transcribe(SOUND, TranscribeOptions())
    return caught.value.failure


def test_the_real_client_accepts_the_stand_in(provider) -> None:
    client = openai.OpenAI(api_key="another", base_url=provider.address, max_retries=0)
    heard = client.audio.transcriptions.create(model="whisper-1", file=("a.wav", b"RIFF"), timeout=60)
    assert heard.text == "how many pods are running"
    assert heard.usage.seconds == 3
    provider.fault = "429"
    with pytest.raises(openai.RateLimitError):
        client.audio.transcriptions.create(model="whisper-1", file=("a.wav", b"RIFF"), timeout=60)


def test_sound_is_heard_elsewhere(provider, listener: OpenAiListener) -> None:
    heard = listener.transcribe(SOUND, TranscribeOptions(language="en", prompt="pods"))
    assert (heard.text, heard.duration_seconds, heard.billed_seconds) == (
        "how many pods are running",
        2.0,
        3.0,
    )
    asked = provider.asked[0]
    assert (asked["model"], asked["language"], asked["prompt"]) == (b"whisper-1", b"en", b"pods")
    assert asked["file"][:4] == b"RIFF"
    assert len(asked["file"]) == 44 + 2 * len(SOUND)


@pytest.mark.parametrize(
    ("fault", "failure"),
    [
        ("429", Failure("throttled", spent=False)),
        ("out of credit", Failure("exhausted", spent=False)),
        ("402", Failure("exhausted", spent=False)),
        ("400", Failure("refused", spent=False, ours=True)),
        ("422", Failure("refused", spent=False, ours=True)),
        ("401", Failure("refused", spent=False)),
        ("403", Failure("refused", spent=False)),
        ("500", Failure("failed", spent=False)),
        ("503", Failure("failed", spent=False)),
        ("redirect", Failure("failed", spent=False)),
        ("no json", Failure("failed", spent=True)),
        ("no transcript", Failure("failed", spent=True)),
        ("too much", Failure("failed", spent=True)),
        ("slow first byte", Failure("too_late", spent=True)),
        ("a trickle", Failure("too_late", spent=True)),
        ("cut off before the answer", Failure("closed", spent=True)),
        ("cut off within the answer", Failure("closed", spent=True)),
    ],
)
def test_each_fault_is_told_in_time_and_without_the_key(
    provider, listener: OpenAiListener, everything_told, *, fault: str, failure: Failure
) -> None:
    provider.fault = fault
    asked = replace(listener, deadline_seconds=HASTY) if failure.reason == "too_late" else listener
    started = time.monotonic()
    with pytest.raises(EngineFailedError) as caught:
        asked.transcribe(SOUND, TranscribeOptions())
    assert time.monotonic() - started < PATIENCE
    assert caught.value.failure == failure
    assert len(provider.asked) == 1, "it was asked once, and nowhere else"
    assert provider.authorizations == [f"Bearer {KEY}"]
    assert KEY not in everything_told(caught.value)


def test_a_server_that_takes_the_connection_and_says_nothing_is_too_late(key_file: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        calls = Calls(f"http://127.0.0.1:{silent.getsockname()[1]}/v1")
        listener = OpenAiListener("elsewhere", calls, "m", partial(key_in, key_file), 0.2)
        assert failure_of(listener) == Failure("too_late", spent=True)
        calls.close()


def test_nobody_there_is_unreachable_and_nothing_was_spent(key_file: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as gone:
        port = gone.getsockname()[1]
    calls = Calls(f"http://127.0.0.1:{port}/v1")
    listener = OpenAiListener("elsewhere", calls, "m", partial(key_in, key_file), DEADLINE)
    assert failure_of(listener) == Failure("unreachable", spent=False)
    calls.close()


def test_a_caller_who_leaves_is_not_waited_for(provider, listener: OpenAiListener) -> None:
    provider.fault = "slow first byte"
    left = threading.Event()

    def go_on() -> None:
        if provider.asked:
            left.set()
            raise GivenUpError

    with pytest.raises(GivenUpError):
        listener.transcribe(SOUND, TranscribeOptions(), Company(go_on))
    assert left.is_set()


@pytest.mark.parametrize("billed", [None, "3", -1, True, 1e300, {}])
def test_a_bill_that_is_no_number_of_seconds_is_none(
    provider, listener: OpenAiListener, billed: object
) -> None:
    provider.billed_seconds = billed
    assert listener.transcribe(SOUND, TranscribeOptions()).billed_seconds is None


def test_a_key_is_changed_without_a_restart(provider, listener: OpenAiListener, key_file: Path) -> None:
    listener.transcribe(SOUND, TranscribeOptions())
    key_file.write_text("sk-canary-second")
    listener.transcribe(SOUND, TranscribeOptions())
    assert provider.authorizations == ["Bearer sk-canary-7f3a9b", "Bearer sk-canary-second"]


@pytest.mark.parametrize("content", ["", "two\nlines", "sk canary", "sk-canary-\u00e9"])
def test_a_file_that_holds_no_key_is_not_told(
    provider, listener: OpenAiListener, key_file: Path, canary: Callable[[object], bool], content: str
) -> None:
    key_file.write_text(content)
    with pytest.raises(VoiceApiError, match="holds no key") as caught:
        key_in(key_file)
    assert not canary(caught.value)
    assert failure_of(listener) == Failure("no_key", spent=False, ours=True)
    assert not provider.asked


@pytest.mark.parametrize(
    ("retry_after", "seconds"),
    [
        ("7", 7.0),
        (" 0 ", 0.0),
        ("Sat, 21 Nov 2026 12:00:30 GMT", 30.0),
        ("Sat, 21 Nov 2026 11:00:00 GMT", 0.0),
        ("-1", None),
        ("1e9", None),
        ("soon", None),
        (None, None),
    ],
)
def test_retry_after_is_seconds_or_a_date(retry_after: str | None, seconds: float | None) -> None:
    assert waiting_seconds(retry_after, NOON) == seconds
    assert of_status(429, None, retry_after, NOON).retry_after_seconds == seconds

"""Text spoken elsewhere: OpenAI's schema, which its own client accepts of the stand-in, and ElevenLabs'."""

import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import openai
import pytest

from voice_api.engines.engine import Engine
from voice_api.engines.failure import EngineFailedError, Failure
from voice_api.engines.keys import key_in
from voice_api.engines.kinds import Description, engine_of
from voice_api.engines.sounds import wav_sound
from voice_api.engines.speech_http import DistantSpeaker

KEY = "sk-canary-7f3a9b"
DEADLINE, HASTY, PATIENCE = 100.0, 3.0, 60.0
VOICE = "21m00Tcm4TlvDq8ikWAM"


@pytest.fixture(params=["openai", "elevenlabs"])
def engine(request: pytest.FixtureRequest, speech_server, key_file: Path) -> Iterator[Engine]:
    address = {"openai": f"{speech_server.address}/v1", "elevenlabs": speech_server.address}[request.param]
    voice = {"openai": "", "elevenlabs": VOICE}[request.param]
    key = partial(key_in, key_file)
    engine = engine_of(
        Description("there", request.param, key, address, voice=voice, deadline_seconds=DEADLINE)
    )
    yield engine
    engine.close()


def spoken(engine: Engine, voice: str | None = "nova") -> np.ndarray:
    assert engine.speaker is not None
    return np.concatenate(list(engine.speaker.speak("there are three pods", voice, 1.1)))


def test_a_sentence_is_spoken_elsewhere(speech_server, engine: Engine) -> None:
    assert engine.speaker is not None
    samples = spoken(engine)
    assert (samples.size, samples.dtype, engine.speaker.sample_rate) == (12_000, np.int16, 24_000)
    assert np.abs(samples).max() > 7_000
    asked = speech_server.asked[0]
    if "text" in asked:
        assert (asked["text"], asked["model_id"]) == ("there are three pods", "eleven_flash_v2_5")
        assert speech_server.paths == [f"/v1/text-to-speech/{VOICE}?output_format=pcm_24000"]
        assert speech_server.keys == [KEY]
    else:
        assert (asked["input"], asked["voice"], asked["speed"]) == ("there are three pods", "nova", 1.1)
        assert speech_server.paths == ["/v1/audio/speech"]
        assert speech_server.keys == [f"Bearer {KEY}"]


@pytest.mark.parametrize(
    ("fault", "failure"),
    [
        ("429", Failure("throttled", spent=False, retry_after_seconds=7)),
        ("500", Failure("failed", spent=False, retry_after_seconds=7)),
        ("401", Failure("refused", spent=False)),
        ("422", Failure("refused", spent=False, ours=True)),
        ("out of credit", Failure("exhausted", spent=False)),
        ("no sound", Failure("failed", spent=True)),
        ("slow first byte", Failure("too_late", spent=True)),
        ("a trickle", Failure("too_late", spent=True)),
        ("cut off before the answer", Failure("closed", spent=True)),
        ("cut off within the answer", Failure("closed", spent=True)),
    ],
)
def test_each_fault_is_told_in_time_and_without_the_key(
    speech_server,
    engine: Engine,
    everything_told: Callable[[BaseException], str],
    *,
    fault: str,
    failure: Failure,
) -> None:
    assert isinstance(engine.speaker, DistantSpeaker)
    speech_server.fault = fault
    speech_server.retry_after = "7" if failure.retry_after_seconds else None
    late = failure.reason == "too_late"
    asked = replace(engine, speaker=replace(engine.speaker, deadline_seconds=HASTY)) if late else engine
    started = time.monotonic()
    with pytest.raises(EngineFailedError) as caught:
        spoken(asked)
    assert time.monotonic() - started < PATIENCE
    assert caught.value.failure == failure
    assert len(speech_server.asked) == 1
    assert KEY not in everything_told(caught.value)


def test_openais_own_client_accepts_the_stand_in(speech_server) -> None:
    client = openai.OpenAI(api_key="another", base_url=f"{speech_server.address}/v1", max_retries=0)
    answer = client.audio.speech.create(model="tts-1", voice="nova", input="hello", response_format="wav")
    sound = wav_sound(answer.content)
    assert sound is not None
    assert (sound[0], sound[1].size) == (24_000, 12_000)
    speech_server.fault = "429"
    with pytest.raises(openai.RateLimitError):
        client.audio.speech.create(model="tts-1", voice="nova", input="hello")


@pytest.mark.parametrize("content", [b"", b"RIFF", b"RIFF....WAVEfmt ", b"RIFF....WAVEdata\x04\0\0\0abcd"])
def test_what_is_no_sound_is_none(content: bytes) -> None:
    assert wav_sound(content) is None

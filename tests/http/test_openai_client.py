"""OpenAI's own Python client works against the service as it is."""

import io
from collections.abc import Callable, Iterator
from typing import Any

import openai
import pytest
import soundfile

SENTENCE = "how many pods are running"


@pytest.fixture(scope="module")
def client(running: Any) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(base_url=f"{running.url}/v1", api_key="none", max_retries=0, timeout=60) as client:
        yield client


def test_it_transcribes_to_json(client: openai.OpenAI, recording: Callable[..., bytes]) -> None:
    heard = client.audio.transcriptions.create(model="whisper-1", file=("a.wav", recording(SENTENCE)))
    assert heard.text == SENTENCE


def test_it_transcribes_with_all_that_may_be_said(
    client: openai.OpenAI, recording: Callable[..., bytes]
) -> None:
    heard = client.audio.transcriptions.create(
        model="whisper-1",
        file=("a.flac", recording(SENTENCE, "FLAC")),
        language="en",
        prompt="pods, nodes",
        temperature=0,
        response_format="verbose_json",
        timestamp_granularities=["segment"],
    )
    assert heard.text == SENTENCE
    assert heard.language == "en"
    assert heard.duration > 0.5
    assert heard.usage is not None
    assert heard.usage.seconds >= 1
    assert heard.segments
    assert heard.segments[0].end > heard.segments[0].start
    assert heard.segments[0].avg_logprob <= 0


@pytest.mark.parametrize(
    ("form", "begins"), [("text", SENTENCE), ("srt", "1\n00:00:0"), ("vtt", "WEBVTT\n\n00:00:0")]
)
def test_it_transcribes_to_plain_formats(
    client: openai.OpenAI, recording: Callable[..., bytes], form: Any, begins: str
) -> None:
    file = ("a.wav", recording(SENTENCE))
    text = client.audio.transcriptions.create(model="whisper-1", file=file, response_format=form)
    assert str(text).startswith(begins)
    assert SENTENCE in str(text)


@pytest.mark.parametrize("form", ["mp3", "wav", "flac", "opus"])
def test_it_speaks(client: openai.OpenAI, form: Any) -> None:
    sound = client.audio.speech.create(
        model="tts-1", voice="alloy", input=SENTENCE, response_format=form
    ).read()
    with soundfile.SoundFile(io.BytesIO(sound)) as file:
        assert file.channels == 1


def test_it_speaks_while_it_is_read(client: openai.OpenAI) -> None:
    speech = client.audio.speech.with_streaming_response
    with speech.create(
        model="tts-1", voice="alloy", input=f"{SENTENCE}. " * 20, response_format="pcm"
    ) as answer:
        assert len(list(answer.iter_bytes())) > 1


def test_it_lists_and_finds_models(client: openai.OpenAI, running: Any) -> None:
    names = {model.id for model in client.models.list()}
    assert names == {running.service.engines.listener.name, running.service.engines.speaker.name}
    for name in (*names, "whisper-1", "tts-1"):
        assert client.models.retrieve(name).id == name
    with pytest.raises(openai.NotFoundError) as caught:
        client.models.retrieve("gpt-17")
    assert caught.value.code == "model_not_found"


def test_it_understands_a_refusal(client: openai.OpenAI) -> None:
    with pytest.raises(openai.BadRequestError) as caught:
        client.audio.transcriptions.create(model="whisper-1", file=("a.wav", b""))
    assert (caught.value.code, caught.value.param) == ("audio_empty", "file")
    assert caught.value.type == "invalid_request_error"
    assert caught.value.request_id

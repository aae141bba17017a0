"""A transcript while it is heard: server-sent events as OpenAI sends them for stream=true."""

import asyncio
import json
import unicodedata
from collections.abc import AsyncGenerator
from contextlib import aclosing
from math import ceil

from voice_api.errors import VoiceApiError
from voice_api.http.replies import error_content
from voice_api.http.service import Service
from voice_api.http.waiting import before, too_late
from voice_api.http.wishes import HOME, Wished, emotions_of, members_of
from voice_api.speech.protocol import Segment, TranscribeOptions, Transcript

EVENT_STREAM = "text/event-stream"
AUDIO_TOKENS_A_SECOND = 50
"""Positions that a Whisper encoder has for a second of sound."""


async def transcript_events(
    service: Service, body: bytes, options: TranscribeOptions, wished: Wished = HOME
) -> AsyncGenerator[bytes, None]:
    """`transcript.text.delta` for each segment as soon as it is final, and `transcript.text.done`.

    VoiceApiError for what cannot be heard, and when the request's deadline passes. What is heard and not
    yet read is bounded by the length of the sound.
    """
    loop = asyncio.get_running_loop()
    final: asyncio.Queue[Segment | None] = asyncio.Queue()

    def hearer(segment: Segment) -> None:
        loop.call_soon_threadsafe(final.put_nowait, segment)

    listening = asyncio.ensure_future(service.listening.file(body, options, hearer, wished))
    listening.add_done_callback(lambda _: final.put_nowait(None))
    deadline = loop.time() + service.settings.request_seconds
    told = ""
    try:
        while segment := await before(deadline, final.get):
            delta = joined(told, segment.text)
            told += delta
            yield event({"type": "transcript.text.delta", "delta": delta})
        heard = await listening
        transcript = heard.transcript
        rest = transcript.text.removeprefix(told)
        if rest and transcript.text.startswith(told):
            yield event({"type": "transcript.text.delta", "delta": rest})
        done = {"type": "transcript.text.done", "text": transcript.text, "usage": usage(transcript)}
        yield event({**done, **members_of(heard.answered), **emotions_of(transcript)})
    except TimeoutError:
        raise too_late(service.settings.request_seconds) from None
    finally:
        listening.cancel()


async def after(first: bytes, rest: AsyncGenerator[bytes, None]) -> AsyncGenerator[bytes, None]:
    """The events from the first on; what fails once the answer has begun is told as an event of its own."""
    async with aclosing(rest):
        yield first
        try:
            async for each in rest:
                yield each
        except VoiceApiError as error:
            yield event({"error": error_content(error)})


def event(content: dict[str, object]) -> bytes:
    return f"data: {json.dumps(content, ensure_ascii=False)}\n\n".encode()


def joined(before: str, text: str) -> str:
    """The text as it follows what came before: after a space, save where a script has none."""
    text = text.strip()
    spaced = bool(before and text) and not (_wide(before[-1]) or _wide(text[0]))
    return f" {text}" if spaced else text


def usage(transcript: Transcript) -> dict[str, object]:
    """Tokens as OpenAI's event has them, and the seconds that its other answers have."""
    heard = ceil(transcript.duration_seconds * AUDIO_TOKENS_A_SECOND)
    written = sum(len(segment.token_ids) for segment in transcript.segments)
    return {
        "type": "tokens",
        "input_tokens": heard,
        "input_token_details": {"audio_tokens": heard, "text_tokens": 0},
        "output_tokens": written,
        "total_tokens": heard + written,
        "seconds": ceil(transcript.duration_seconds),
    }


def _wide(character: str) -> bool:
    return unicodedata.east_asian_width(character) in "WF"

"""What the routes share: the engines, the workers that use them, limits and figures."""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray
from starlette.requests import Request

from voice_api.audio import AudioLimits, Sound, read_sound, resampled_speech
from voice_api.cluster.protocol import ClusterDescription
from voice_api.commands.core import Reply
from voice_api.errors import VoiceApiError
from voice_api.figures import Figures
from voice_api.http.bodies import Uploads, client_gone
from voice_api.http.readiness import Readiness, memory_guard
from voice_api.http.worker import Ticket, Worker
from voice_api.settings import Settings
from voice_api.speech.protocol import Listener, Speaker, TranscribeOptions, Transcript

log = logging.getLogger("voice_api.service")
Result = TypeVar("Result")
PROOF_SENTENCE = "how many pods are running"
STUCK_FACTOR = 2


class Answerer(Protocol):
    """Answers one command; blocking, and called from one thread at a time."""

    def answer(self, text: str) -> Reply: ...


@dataclass(frozen=True, slots=True)
class Engines:
    """What is behind the routes."""

    listener: Listener
    speaker: Speaker
    commands: Answerer
    cluster: ClusterDescription


@dataclass(frozen=True, slots=True)
class Heard:
    """A transcript and what it took; timings_ms adds "decode_audio" to the transcript's own."""

    transcript: Transcript
    timings_ms: dict[str, float]


@dataclass(frozen=True, slots=True)
class Service:
    """One service; `model` does all work of the models, `acting` all that asks the cluster."""

    settings: Settings
    engines: Engines
    figures: Figures
    uploads: Uploads
    model: Worker
    acting: Worker
    readiness: Readiness
    started: float = field(default_factory=time.monotonic)

    def refuse_overload(self) -> None:
        """VoiceApiError 429 or 503 when there is no place or memory for one more; before its body is read."""
        self.model.refuse_if_full()
        if self.readiness.memory.low:
            message = "too little memory is left for another request"
            raise VoiceApiError("memory_low", message, "try again shortly", 503, retry_after_seconds=2)

    async def listen(self, body: bytes, options: TranscribeOptions) -> Heard:
        """What is said in a sound file; VoiceApiError for what cannot be listened to."""
        heard = await self.model.run(lambda ticket: self._heard(body, options, ticket))
        self.figures.heard_seconds.inc(heard.transcript.duration_seconds)
        self.figures.stages(heard.timings_ms)
        self._log_words("heard", heard.transcript.text)
        return heard

    async def act(self, text: str) -> Reply:
        """The reply of the command core."""
        reply = await self.acting.run(lambda _: self.engines.commands.answer(text))
        self.figures.stages(reply.timings_ms)
        self.figures.commands.labels(reply.status, reply.intent.name if reply.intent else "none").inc()
        self._log_words("replied", reply.reply)
        return reply

    def spoken(
        self, text: str, voice: str | None, speed: float, ticket: Ticket
    ) -> Iterator[NDArray[np.int16]]:
        """Speech piece by piece, counted; ends early when nobody waits. For the model's thread.

        VoiceApiError at once for an unknown voice.
        """
        pieces = self.engines.speaker.speak(text, voice or self.settings.voice or None, speed)
        return self._counted(pieces, ticket)

    async def prove(self) -> None:
        """Speak a sentence and listen to it, so that readiness rests on a decode that happened."""
        await self.model.run(self._proof)

    def close(self) -> None:
        self.model.stop()
        self.acting.stop()

    def _counted(self, pieces: Iterator[NDArray[np.int16]], ticket: Ticket) -> Iterator[NDArray[np.int16]]:
        started = time.perf_counter()
        for piece in pieces:
            if ticket.given_up:
                return
            self.figures.spoken_seconds.inc(len(piece) / self.engines.speaker.sample_rate)
            yield piece
        self.figures.stages({"speak": (time.perf_counter() - started) * 1000})

    def _log_words(self, happened: str, words: str) -> None:
        """Words are private: they are logged only where the setting says so."""
        if self.settings.log_transcripts:
            log.info(happened, extra={"words": words})

    def _heard(self, body: bytes, options: TranscribeOptions, ticket: Ticket) -> Heard:
        started = time.perf_counter()
        sound = read_sound(body, audio_limits(self.settings), lambda: ticket.given_up)
        decode_audio_ms = (time.perf_counter() - started) * 1000
        transcript = self._transcribed(sound, options)
        return Heard(transcript, {"decode_audio": decode_audio_ms, **transcript.timings_ms})

    def _transcribed(self, sound: Sound, options: TranscribeOptions) -> Transcript:
        try:
            transcript = self.engines.listener.transcribe(sound.samples, options)
        except VoiceApiError:
            raise
        except Exception:
            self.readiness.decode_failed()
            raise
        if transcript.timings_ms.get("decode", 0) > 0:
            self.readiness.decode_worked()
        return transcript

    def _proof(self, _: Ticket) -> None:
        speaker = self.engines.speaker
        pieces = list(speaker.speak(PROOF_SENTENCE, None, 1.0))
        self._transcribed(Sound(resampled_speech(pieces, speaker.sample_rate)), TranscribeOptions())


def open_service(settings: Settings, engines: Engines) -> Service:
    """A service with its two worker threads started; `close` ends them."""
    figures = Figures()
    model = Worker("model", settings.max_waiting)
    memory = memory_guard(settings.memory_limit_bytes, settings.memory_headroom_bytes)
    readiness = Readiness(memory, lambda: model.busy_seconds, STUCK_FACTOR * settings.request_seconds)
    figures.watch(figures.waiting, lambda: model.waiting)
    figures.watch(figures.resident, memory.resident)
    figures.watch(figures.ready, lambda: readiness.obstacle is None)
    return Service(
        settings=settings,
        engines=engines,
        figures=figures,
        uploads=Uploads(settings.max_uploads, settings.upload_seconds, settings.max_body_bytes),
        model=model,
        acting=Worker("acting", settings.max_waiting),
        readiness=readiness,
    )


def audio_limits(settings: Settings) -> AudioLimits:
    return AudioLimits(
        max_seconds=settings.max_audio_seconds,
        min_sample_rate=settings.min_sample_rate,
        max_sample_rate=settings.max_sample_rate,
        max_channels=settings.max_channels,
    )


async def while_wanted(request: Request, seconds: float, work: Awaitable[Result]) -> Result:
    """The work's result, unless the deadline passes (504) or the client goes away (499) before.

    For use once the request's body has been read: from then on all that can arrive is the end.
    """
    working = asyncio.ensure_future(work)
    leaving = asyncio.ensure_future(_gone(request.receive))
    try:
        await asyncio.wait({working, leaving}, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
        if working.done():
            return working.result()
        if leaving.done():
            raise client_gone()
        raise too_late(seconds)
    finally:
        for task in (working, leaving):
            task.cancel()
        await asyncio.gather(working, leaving, return_exceptions=True)


def too_late(seconds: float) -> VoiceApiError:
    message = f"the answer was not ready within {seconds:g} seconds"
    return VoiceApiError("deadline_exceeded", message, "send a shorter recording or try again later", 504)


async def _gone(receive: Callable[[], Awaitable[Any]]) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass

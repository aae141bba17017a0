"""One session of /v1/realtime: sound comes in, words go out while it is spoken; one utterance at a time."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from typing import Any
from uuid import uuid4

import numpy as np
from numpy.typing import NDArray

from voice_api.audio.decoding import Sound
from voice_api.errors import VoiceApiError
from voice_api.http import realtime_events as events
from voice_api.http.breaking import Breaking
from voice_api.http.models import check_listener
from voice_api.http.partner import Nobody, Partner
from voice_api.http.realtime_wish import Json, SessionSettings, read_audio, updated
from voice_api.http.service import Service
from voice_api.http.waiting import too_late
from voice_api.http.wishes import HOME, Wished
from voice_api.speech.partials import LEAST_WAIT_SECONDS, Agreement, wait_seconds
from voice_api.speech.protocol import SAMPLE_RATE, TranscribeOptions
from voice_api.speech.sound_buffer import Inflow, SoundBuffer
from voice_api.speech.turns import CHUNK_SAMPLES, FEWEST_SPEECH_CHUNKS, Edge, Turns

SHORTEST_COMMIT_SAMPLES = SAMPLE_RATE // 10
FEWEST_NEW_SAMPLES = SAMPLE_RATE // 5
BUSY_WAIT_SECONDS = 0.1
UNDECIDED_SAMPLES = (FEWEST_SPEECH_CHUNKS + 1) * CHUNK_SAMPLES
"""What the detector may still say about sound that came before: speech has begun there."""

Send = Callable[[dict[str, Any]], Awaitable[None]]


@dataclass(slots=True)
class _Utterance:
    """What is being said; item is its name towards the client, began when speech began, not earlier."""

    began: float
    item: str = field(default_factory=lambda: f"item_{uuid4().hex[:24]}")
    agreement: Agreement = field(default_factory=Agreement)
    partials: "asyncio.Task[None] | None" = None


class RealtimeSession:
    """Takes the client's events one after the other; `broken` is done when a partial could not be sent."""

    def __init__(
        self,
        service: Service,
        send: Send,
        wished: Wished = HOME,
        partner: Partner | None = None,
        breaking: Breaking | None = None,
    ) -> None:
        self.identity = f"sess_{uuid4().hex[:24]}"
        self.last_sound = time.monotonic()
        self._breaking = breaking or Breaking()
        self._service = service
        self._send = send
        self._wished = wished
        self._partner = partner or Nobody()
        self._settings = SessionSettings()
        self._inflow = Inflow(self._settings.rate)
        self._buffer = SoundBuffer()
        self._turns = self._new_turns()
        self._utterance: _Utterance | None = None
        self._previous: str | None = None

    @property
    def broken(self) -> "asyncio.Future[None]":
        return self._breaking.future

    @property
    def seconds(self) -> float:
        """Sound received so far."""
        return self._buffer.end / SAMPLE_RATE

    async def greet(self, old_dialect: bool) -> None:
        await self._tell_settings(f"{'transcription_' if old_dialect else ''}session.created")

    async def take(self, event: Json) -> None:
        """Do what one event asks; VoiceApiError for what is wrong with it."""
        match event["type"]:
            case "input_audio_buffer.append":
                await self._append(read_audio(event))
            case "input_audio_buffer.commit":
                await self._commit_by_hand()
            case "input_audio_buffer.clear":
                await self._clear()
                await self._send({"type": "input_audio_buffer.cleared"})
            case "session.update" | "transcription_session.update":
                await self._update(event)
            case other:
                fix = "known: session.update, input_audio_buffer.append, .commit and .clear"
                raise VoiceApiError("unknown_event", f"there is no event {other[:64]!r} here", fix)

    async def end(self) -> None:
        """Forget everything; nothing is heard any more."""
        await self._drop_utterance()
        self._buffer.clear()

    def _new_turns(self) -> Turns | None:
        """Counts samples as the buffer does, from the sound that comes next."""
        return Turns(self._settings.turns, first_sample=self._buffer.end) if self._settings.turns else None

    async def _update(self, event: Json) -> None:
        await self.change(updated(self._settings, event))
        await self._tell_settings(f"{event['type'].partition('.')[0]}.updated")

    async def change(self, settings: SessionSettings) -> None:
        """VoiceApiError for a model that there is not."""
        check_listener(self._service.engines, settings.model)
        if settings.rate != self._settings.rate:
            self._inflow = Inflow(settings.rate)
        changed = settings.turns != self._settings.turns
        self._settings = settings
        if changed:
            await self._clear()

    async def _tell_settings(self, kind: str) -> None:
        model = self._service.engines.listener.name
        await self._send(events.session_event(kind, self.identity, self._settings, model))

    async def _append(self, pcm: bytes) -> None:
        await self.listen(await self.received(pcm))

    async def received(self, pcm: bytes) -> NDArray[np.float32]:
        """The client's sound as it is listened to."""
        self.last_sound = time.monotonic()
        # Off the event loop: half a minute of sound may come in one message.
        return await asyncio.to_thread(self._inflow.feed, pcm)

    async def listen(self, samples: NDArray[np.float32]) -> None:
        """Take the next piece of what is said."""
        edges = await asyncio.to_thread(self._edges, samples)
        self._buffer.append(samples)
        if self._turns is None:
            self._utterance = self._utterance or self._begun(self._buffer.begin)
        for edge in edges:
            await (self._start(edge) if edge.kind == "started" else self._commit(edge.sample))
        if self._utterance is None:
            prefix = self._settings.turns.prefix_seconds if self._settings.turns else 0.0
            self._buffer.take(self._buffer.end - UNDECIDED_SAMPLES - round(prefix * SAMPLE_RATE))
        while self._utterance and self._buffer.end - self._buffer.begin > self._longest_samples:
            await self._cut(self._buffer.begin + self._longest_samples)

    def _edges(self, samples: NDArray[np.float32]) -> list[Edge]:
        return [] if self._turns is None else list(self._turns.feed(samples))

    @property
    def _longest_samples(self) -> int:
        """Of one utterance: what is heard at once."""
        settings = self._service.settings
        return round(min(settings.short_seconds, settings.max_audio_seconds) * SAMPLE_RATE)

    async def _start(self, edge: Edge) -> None:
        self._buffer.take(edge.sample)
        prefix = self._settings.turns.prefix_seconds if self._settings.turns else 0.0
        first = self._buffer.begin + round(prefix * SAMPLE_RATE) if edge.sample else 0
        utterance = self._utterance = self._begun(first)
        await self._send(events.speech_started(utterance.item, self._buffer.begin))
        await self._partner.began()

    async def _cut(self, sample: int) -> None:
        """End an utterance that has become too long, and begin the next where it ends."""
        await self._commit(sample)
        utterance = self._utterance = self._begun(sample)
        if self._turns:
            await self._send(events.speech_started(utterance.item, sample))

    def _begun(self, sample: int) -> _Utterance:
        """An utterance whose speech begins at a sample; what is heard now is the last one there is."""
        utterance = _Utterance(time.monotonic() - max(0, self._buffer.end - sample) / SAMPLE_RATE)
        utterance.partials = asyncio.create_task(self._tell_partials(utterance))
        self._breaking.watch(utterance.partials)
        return utterance

    async def _tell_partials(self, utterance: _Utterance) -> None:
        """Hear the utterance so far again and again, as often as its cost allows; busy times are left out."""
        wait, known = LEAST_WAIT_SECONDS, self._buffer.begin
        while True:
            await asyncio.sleep(wait)
            wait = BUSY_WAIT_SECONDS
            if self._buffer.end - known < FEWEST_NEW_SAMPLES or not self._service.lanes.short.idle.is_set():
                continue
            known, started = self._buffer.end, time.monotonic()
            try:
                text = await self._service.listening.partial(Sound(self._buffer.sound()), self._options)
            except VoiceApiError:
                wait = LEAST_WAIT_SECONDS  # the lane is full, or ends: the whole is heard later, or refused
                continue
            before, utterance.agreement = utterance.agreement, utterance.agreement.after(text)
            if told := utterance.agreement.told_since(before):
                await self._send(events.delta(utterance.item, told))
            cost = time.monotonic() - started
            wait = wait_seconds(cost) - cost

    @property
    def _options(self) -> TranscribeOptions:
        options = self._service.command_options(self._settings.language)
        return replace(options, prompt=self._settings.prompt, keywords=self._settings.keywords)

    async def _commit_by_hand(self) -> None:
        if self._utterance is not None:
            self._buffer.append(self._inflow.end())
        if self._utterance is None or self._buffer.end - self._buffer.begin < SHORTEST_COMMIT_SAMPLES:
            message = "less than 100 ms of sound would be committed"
            raise VoiceApiError("input_audio_buffer_commit_empty", message, "append sound first")
        await self._commit(self._buffer.end)
        self._turns = self._new_turns()

    async def _commit(self, sample: int) -> None:
        """Hear the utterance, which ends at a sample, and tell the rest of its words."""
        utterance = self._utterance
        if utterance is None:
            return
        if sample - self._buffer.begin > self._longest_samples:
            await self._cut(self._buffer.begin + self._longest_samples)
            await self._commit(sample)
            return
        await self._drop_utterance()
        sound = Sound(self._buffer.take(sample))
        if self._turns:
            await self._send(events.speech_stopped(utterance.item, sample))
        for tell in (events.committed, events.item_created):
            await self._send(tell(utterance.item, self._previous))
        self._previous = utterance.item
        await self._tell_whole(utterance, sound)

    async def _tell_whole(self, utterance: _Utterance, sound: Sound) -> None:
        seconds = self._service.settings.request_seconds
        try:
            options = self._partner.options(self._service.with_live_names(self._options))
            wished = self._wished.here if self._partner.hears_here else self._wished.again(utterance.item)
            async with asyncio.timeout(seconds):
                heard = await self._service.listening.sound(sound, options, wished)
        except TimeoutError:
            await self._send(events.failed(utterance.item, too_late(seconds)))
            return
        except VoiceApiError as error:
            await self._send(events.failed(utterance.item, error))
            return
        whole = utterance.agreement.ended(heard.transcript.text)
        if told := whole.told_since(utterance.agreement):
            await self._send(events.delta(utterance.item, told))
        await self._send(events.completed(utterance.item, whole.text, heard, whole.contradicted))
        await self._partner.heard(heard, utterance.began)

    async def _clear(self) -> None:
        await self._drop_utterance()
        self._buffer.append(self._inflow.end())
        self._buffer.clear()
        self._turns = self._new_turns()

    async def _drop_utterance(self) -> None:
        utterance, self._utterance = self._utterance, None
        if utterance and utterance.partials:
            utterance.partials.cancel()
            await asyncio.gather(utterance.partials, return_exceptions=True)

"""Sounds into words: each in the lane it belongs to, counted, and with readiness told how it went."""

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TypeAlias

from voice_api.audio.decoding import AudioLimits, Sound, read_sound
from voice_api.cluster.redact import masked
from voice_api.engines.choice import Answered
from voice_api.engines.elsewhere import Elsewhere
from voice_api.engines.engine import LOCAL, Engine
from voice_api.errors import VoiceApiError
from voice_api.figures import Figures
from voice_api.http.lane import Lane
from voice_api.http.lanes import Lanes
from voice_api.http.readiness import Readiness
from voice_api.http.tickets import Ticket
from voice_api.http.wishes import HOME, Wished
from voice_api.settings import Settings
from voice_api.sound_length import declared_seconds
from voice_api.speech.protocol import Company, GivenUpError, Listener, Segment, TranscribeOptions, Transcript

log = logging.getLogger("voice_api.service")

Hearer: TypeAlias = Callable[[Segment], None]
"""Told each segment as soon as it is final, on the thread of a lane."""


def nobody(_: Segment) -> None:
    """For whoever waits for the whole."""


HEARD_HERE = Answered(LOCAL, wished=LOCAL)


@dataclass(frozen=True, slots=True)
class Heard:
    """A transcript, what it took, and by whom; timings_ms adds "decode_audio" to the transcript's own."""

    transcript: Transcript
    timings_ms: dict[str, float]
    answered: Answered = HEARD_HERE


@dataclass(frozen=True, slots=True)
class Listening:
    """One listener and the two lanes in which it listens; others elsewhere, in a lane of their own."""

    settings: Settings
    listener: Listener
    lanes: Lanes
    readiness: Readiness
    figures: Figures
    elsewhere: Elsewhere

    async def file(
        self, body: bytes, options: TranscribeOptions, hearer: Hearer = nobody, wished: Wished = HOME
    ) -> Heard:
        """What is said in a sound file; VoiceApiError for what cannot be listened to.

        Who hears it here after all, hears it as if nobody else had been asked.
        """

        def sound(ticket: Ticket) -> Sound:
            return read_sound(
                body, audio_limits(self.settings, self.settings.max_audio_seconds), lambda: _ended(ticket)
            )

        found = await self._elsewhere(sound, options, hearer, wished)
        if isinstance(found, Heard):
            return found
        return self._told(await self._file_here(body, options, hearer), found, wished)

    async def _file_here(self, body: bytes, options: TranscribeOptions, hearer: Hearer) -> Heard:
        """A file that turns out to be longer than its header says is begun anew among the long ones."""
        short, longest = self.settings.short_seconds, self.settings.max_audio_seconds
        declared = declared_seconds(body)
        if declared is None or declared <= short:
            limit = min(short, longest)
            try:
                work = self._file(body, limit, options, hearer)
                return await self._counted(self.lanes.short, work, min(declared or limit, limit))
            except VoiceApiError as error:
                if error.code != "audio_too_long" or longest <= short:
                    raise
        amount = longest if declared is None or declared <= short else min(declared, longest)
        return await self._counted(self.lanes.long, self._file(body, longest, options, hearer), amount)

    async def sound(self, sound: Sound, options: TranscribeOptions, wished: Wished = HOME) -> Heard:
        """What is said in a short sound that is decoded already."""
        found = await self._elsewhere(lambda _: sound, options, nobody, wished)
        if isinstance(found, Heard):
            return found

        def hear(ticket: Ticket) -> Heard:
            transcript = self._transcribed(sound, options, nobody, ticket)
            return Heard(transcript, dict(transcript.timings_ms))

        return self._told(await self._counted(self.lanes.short, hear, sound.duration_seconds), found, wished)

    async def partial(self, sound: Sound, options: TranscribeOptions) -> str:
        """What is said so far in a sound that is still spoken; it is counted when it is heard whole."""
        heard = await self.lanes.short.run(
            lambda ticket: self._transcribed(sound, options, nobody, ticket).text, sound.duration_seconds
        )
        self.figures.partials.inc()
        return heard

    async def prove(self, sound: Sound) -> None:
        """Listen to a sound of the service's own, which no figure counts."""
        await self.lanes.short.run(
            lambda ticket: self._transcribed(sound, TranscribeOptions(), nobody, ticket),
            sound.duration_seconds,
        )

    async def _elsewhere(
        self, sound: Callable[[Ticket], Sound], options: TranscribeOptions, hearer: Hearer, wished: Wished
    ) -> Heard | Answered:
        """What an engine elsewhere has heard; or that it is to be heard here, and what to say of that."""
        if wished.at_home:
            return HEARD_HERE
        hearing = self.elsewhere.hearing(Engine(LOCAL, self.listener, leaves_machine=False), wished.only)

        def hear(ticket: Ticket) -> Heard | Answered:
            company = Company(ticket.go_on, hearer)
            found = hearing.elsewhere(sound(ticket).samples, options, wished.wish, company)
            if isinstance(found, Answered):
                return found
            transcript, answered = found
            return Heard(transcript, dict(transcript.timings_ms), answered)

        try:
            found = await self.lanes.elsewhere.run(hear)
        except VoiceApiError as error:
            if error.code != "queue_full" or wished.wish.insists:
                raise
            return Answered(LOCAL, degraded=True, reason="busy")
        if isinstance(found, Heard):
            self._count(found)
            return self._told(found, found.answered, wished)
        return found

    def _told(self, heard: Heard, answered: Answered, wished: Wished) -> Heard:
        if answered.engine == LOCAL:  # the others' is in the ledger, as they count it
            self.elsewhere.sound.heard(LOCAL, wished.wish.caller, heard.transcript.duration_seconds)
        self.figures.answered_by("listen", answered.wished, answered.engine, answered.reason)
        return replace(heard, answered=answered)

    def _file(
        self, body: bytes, longest_seconds: float, options: TranscribeOptions, hearer: Hearer
    ) -> Callable[[Ticket], Heard]:
        """Work that decodes and hears a file of at most so many seconds."""

        def hear(ticket: Ticket) -> Heard:
            started = time.perf_counter()
            sound = read_sound(body, audio_limits(self.settings, longest_seconds), lambda: _ended(ticket))
            ticket.amount = sound.duration_seconds
            decode_audio_ms = (time.perf_counter() - started) * 1000
            transcript = self._transcribed(sound, options, hearer, ticket)
            return Heard(transcript, {"decode_audio": decode_audio_ms, **transcript.timings_ms})

        return hear

    async def _counted(self, lane: Lane, hear: Callable[[Ticket], Heard], amount: float) -> Heard:
        heard = await lane.run(hear, amount)
        self._count(heard)
        return heard

    def _count(self, heard: Heard) -> None:
        self.figures.heard_seconds.inc(heard.transcript.duration_seconds)
        self.figures.stages(heard.timings_ms)
        self.figures.retried(heard.transcript.retries)
        self.figures.named(heard.transcript.names)
        if self.settings.log_transcripts:
            log.info("heard", extra={"words": masked(heard.transcript.text)})

    def _transcribed(
        self, sound: Sound, options: TranscribeOptions, hearer: Hearer, ticket: Ticket
    ) -> Transcript:
        company = Company(ticket.go_on, hearer)
        try:
            transcript = self.listener.transcribe(sound.samples, options, company)
        except (VoiceApiError, GivenUpError):
            raise
        except Exception:
            self.readiness.decode_failed()
            raise
        if transcript.timings_ms.get("decode", 0) > 0:
            self.readiness.decode_worked()
        return transcript


def _ended(ticket: Ticket) -> bool:
    """For the reader of files, which asks whether to end: GivenUpError ends it, too."""
    ticket.go_on()
    return False


def audio_limits(settings: Settings, max_seconds: float) -> AudioLimits:
    return AudioLimits(
        max_seconds=max_seconds,
        min_sample_rate=settings.min_sample_rate,
        max_sample_rate=settings.max_sample_rate,
        max_channels=settings.max_channels,
    )

"""What the routes share: the engines, the lanes they work in, limits and figures."""

import logging
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from functools import partial
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from voice_api.audio.decoding import Sound
from voice_api.audio.encoding import resampled_speech
from voice_api.cluster.redact import HIDDEN, masked
from voice_api.commands.conversation.turn import ALONE, Turn
from voice_api.commands.core import Reply
from voice_api.engines.elsewhere import Elsewhere, nothing_elsewhere
from voice_api.errors import VoiceApiError
from voice_api.figures import Figures
from voice_api.http.bodies import Uploads
from voice_api.http.budget_figures import BudgetFigures
from voice_api.http.engines import Engines
from voice_api.http.lanes import Lanes, open_lanes
from voice_api.http.listening import Listening
from voice_api.http.pages import origins_of
from voice_api.http.readiness import Readiness, memory_guard
from voice_api.http.relay_address import Address, processor_address
from voice_api.http.sessions import Sessions
from voice_api.http.tickets import Ticket
from voice_api.settings import Settings
from voice_api.speech.protocol import LiveNames, TranscribeOptions

log = logging.getLogger("voice_api.service")
Result = TypeVar("Result")
PROOF_SENTENCE = "how many pods are running"
STUCK_FACTOR = 2
CHARACTERS_A_SECOND = 14
"""How fast text is spoken, about: what a text takes in the queue before it is known better."""


@dataclass(frozen=True, slots=True)
class Service:
    """One service and all its state."""

    settings: Settings
    engines: Engines
    figures: Figures
    uploads: Uploads
    lanes: Lanes
    readiness: Readiness
    listening: Listening
    sessions: Sessions
    elsewhere: Elsewhere
    processor: Address | None = None
    origins: tuple[str, ...] = ()
    ends: tuple[Callable[[], None], ...] = ()
    started: float = field(default_factory=time.monotonic)

    def refuse_overload(self) -> None:
        """VoiceApiError 429 or 503 when there is no place or memory for one more; before its body is read."""
        self.lanes.refuse_if_full()
        self.refuse_low_memory()

    def refuse_low_memory(self) -> None:
        """VoiceApiError 503 when there is no memory for one more request."""
        if self.readiness.memory.low:
            message = "too little memory is left for another request"
            raise VoiceApiError("memory_low", message, "try again shortly", 503, retry_after_seconds=2)

    def command_options(self, language: str | None) -> TranscribeOptions:
        """How to listen to a command."""
        return TranscribeOptions(language=language, beams=self.settings.beams)

    def with_live_names(self, options: TranscribeOptions) -> TranscribeOptions:
        """The same; what is not understood is heard again, and may name what is in the cluster.

        For a sound that is whole. Half of the time a request has is left to act and to speak.
        """
        engines = self.engines
        names = engines.names.likely() if self.settings.live_names else ()
        if not names:
            return options
        understanding = engines.commands.understanding(engines.names.namespaces())
        until = time.monotonic() + self.settings.request_seconds / 2
        return replace(options, live=LiveNames(names, understanding, until))

    async def understands(self, text: str) -> bool:
        """Whether a sentence is understood as it stands; asks the cluster."""
        return await self.lanes.acting.run(lambda _: self.engines.commands.understood(text))

    async def act(self, text: str, turn: Turn = ALONE) -> Reply:
        """The reply of the command core."""

        def answer(ticket: Ticket) -> Reply:
            wanted = replace(turn, wanted=lambda: turn.wanted() and not ticket.given_up)
            return self.engines.commands.answer(text, wanted)

        reply = await self.lanes.acting.run(answer)
        self.figures.stages(reply.timings_ms)
        self.figures.commands.labels(reply.status, reply.intent.name if reply.intent else "none").inc()
        if reply.intent:
            self.engines.names.said(str(value) for value in reply.intent.arguments.values())
        if self.settings.log_transcripts:
            # Asked back are the words as they were understood, which a secret can no longer be told from.
            secret = masked(text) != text
            log.info("replied", extra={"words": HIDDEN if secret else masked(reply.reply)})
        return reply

    async def speak(self, work: Callable[[Ticket], Result], text: str) -> Result:
        """Do work that speaks the text, in its turn."""
        return await self.lanes.speaking.run(work, len(text) / CHARACTERS_A_SECOND)

    def spoken(
        self, text: str, voice: str | None, speed: float, ticket: Ticket
    ) -> Iterator[NDArray[np.int16]]:
        """Speech piece by piece, counted; for the work that `speak` does.

        VoiceApiError at once for an unknown voice. A long text lets short commands pass between its pieces;
        GivenUpError when nobody waits any longer.
        """
        pieces = self.engines.speaker.speak(text, voice or self.settings.voice or None, speed)
        return self.counted(pieces, self.engines.speaker.sample_rate, ticket)

    async def prove(self) -> None:
        """Speak a sentence and listen to it, so that readiness rests on a decode that happened."""
        speaker = self.engines.speaker
        pieces = await self.speak(lambda _: list(speaker.speak(PROOF_SENTENCE, None, 1.0)), PROOF_SENTENCE)
        sound = Sound(resampled_speech(pieces, speaker.sample_rate))
        await self.listening.prove(sound)

    def close(self) -> None:
        self.lanes.stop()
        self.elsewhere.close()
        for end in self.ends:
            end()

    def counted(
        self, pieces: Iterator[NDArray[np.int16]], sample_rate: int, ticket: Ticket
    ) -> Iterator[NDArray[np.int16]]:
        """The same pieces; GivenUpError between two when nobody waits any longer."""
        started = time.perf_counter()
        long = ticket.amount > self.settings.short_seconds
        for piece in pieces:
            (ticket.go_on if long else ticket.check)()
            self.figures.spoken_seconds.inc(len(piece) / sample_rate)
            yield piece
        self.figures.stages({"speak": (time.perf_counter() - started) * 1000})


def open_service(
    settings: Settings,
    engines: Engines,
    elsewhere: Elsewhere | None = None,
    ends: tuple[Callable[[], None], ...] = (),
) -> Service:
    """A service with its lanes open; `close` ends them, the engines elsewhere, and what `ends` ends."""
    figures = Figures()
    elsewhere = elsewhere or nothing_elsewhere()
    lanes = open_lanes(settings)
    sessions = Sessions()
    memory = memory_guard(settings.memory_limit_bytes, settings.memory_headroom_bytes)
    stuck_seconds = STUCK_FACTOR * settings.request_seconds
    readiness = Readiness(memory, lambda: lanes.hearing_seconds, stuck_seconds)
    figures.watch(figures.waiting, lambda: lanes.waiting)
    figures.watch(figures.resident, memory.resident)
    figures.watch(figures.ready, lambda: readiness.obstacle is None)
    figures.watch(figures.sessions, lambda: sessions.open)
    if elsewhere.engines:
        figures.before_reading(BudgetFigures(elsewhere, figures).renew)
    for name, lane in lanes.named.items():
        figures.watch(figures.queue_seconds.labels(name), partial(getattr, lane, "amount"))
        figures.watch(figures.lane_rate.labels(name), partial(getattr, lane.rate, "per_second"))
    return Service(
        settings=settings,
        engines=engines,
        figures=figures,
        uploads=Uploads(settings.max_uploads, settings.upload_seconds, settings.max_body_bytes),
        lanes=lanes,
        readiness=readiness,
        listening=Listening(settings, engines.listener, lanes, readiness, figures, elsewhere),
        sessions=sessions,
        elsewhere=elsewhere,
        processor=processor_address(settings.processor_url),
        origins=origins_of(settings.browser_origins),
        ends=ends,
    )

"""A conversation with an engine that answers by itself; where it fails, the session goes on by itself."""

import asyncio
import threading
from collections import defaultdict
from collections.abc import Awaitable, Callable
from uuid import uuid4

import numpy as np
from numpy.typing import NDArray

from voice_api.engines.choice import Answered
from voice_api.engines.engine import LOCAL, Engine, Happening
from voice_api.engines.talk import Talk
from voice_api.errors import VoiceApiError
from voice_api.http.breaking import Breaking
from voice_api.http.conversation_answers import Company
from voice_api.http.conversation_wish import ConversationSettings
from voice_api.http.handing_back import Here, read
from voice_api.http.outflow import Outflow
from voice_api.http.realtime_events import TRANSCRIPTION, committed, item_created, speech_started
from voice_api.http.realtime_wish import cannot
from voice_api.http.response import Response, Send
from voice_api.http.service import Service
from voice_api.http.wishes import members_of
from voice_api.speech.protocol import SAMPLE_RATE

Listen = Callable[[NDArray[np.float32]], Awaitable[None]]


class Talking:
    """One conversation after the other with whoever is wished; opened by the first sound."""

    def __init__(
        self, service: Service, send: Send, company: Company, listen: Listen, breaking: Breaking
    ) -> None:
        self.seconds = 0.0
        self._service, self._send, self._company = service, send, company
        self._listen_here, self._breaking = listen, breaking
        self._settings = ConversationSettings()
        self._talk: Talk | None = None
        self._told: asyncio.Queue[Happening | VoiceApiError] = asyncio.Queue()
        self._back: asyncio.Queue[NDArray[np.float32]] = asyncio.Queue()
        self._tasks: list[asyncio.Task[None]] = []
        self._response: Response | None = None
        self._outflow: tuple[int, Outflow] | None = None
        self._previous: str | None = None
        self._silenced = False
        self._spoken: dict[str, float] = defaultdict(float)

    def check(self, settings: ConversationSettings) -> None:
        """VoiceApiError for what an engine elsewhere cannot be told, or not any more."""
        if self._talk:
            message = "the conversation has begun, and its engine was told how"
            raise VoiceApiError("conversation_begun", message, "send session.update before the first sound")
        if settings.wake_phrase:
            raise cannot("wake_phrase", settings.wake_phrase, "nothing, with answers=engine")
        if settings.listening.turns is None:
            raise cannot("turn_detection", None, "server_vad: the engine says where an utterance ends")

    async def send(self, samples: NDArray[np.float32], settings: ConversationSettings) -> None:
        """What is said, as it is said; a caller who insists on an engine in vain ends the session."""
        self.seconds += samples.size / SAMPLE_RATE
        try:
            if self._talk is None:
                self._settings = settings
                await self._open()
            if self._talk:
                await asyncio.to_thread(self._talk.send, samples)
        except VoiceApiError as error:
            self._breaking.by(error)
            return
        if self._talk and self._talk.answered.engine == LOCAL:
            await self._taken_back()

    def interrupt(self) -> None:
        """Nothing more of what is being said is passed on."""
        self._silenced = self._response is not None

    async def end(self) -> None:
        if self._talk:
            await asyncio.to_thread(self._talk.end)
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._count_spoken()

    async def _open(self) -> None:
        loop = asyncio.get_running_loop()

        def take(samples: NDArray[np.float32]) -> None:
            loop.call_soon_threadsafe(self._back.put_nowait, samples)

        talk = self._talk = await self._conversed(Here(take))
        self._count(talk.answered)
        reading = threading.Thread(
            target=read, args=(talk, loop, self._told), name="conversation-told", daemon=True
        )
        reading.start()
        if not self._tasks:
            self._tasks = [asyncio.create_task(self._tell()), asyncio.create_task(self._listen())]
            for task in self._tasks:
                self._breaking.watch(task)
        await self._tell_engine(talk.answered)

    async def _conversed(self, here: Here) -> Talk:
        """Whom no lane elsewhere has a place for is answered here."""
        wished, service = self._company.wished, self._service
        wish = wished.again(f"talk_{uuid4().hex[:24]}").wish
        conversing = service.elsewhere.conversing(
            Engine(LOCAL, converser=here, leaves_machine=False), wished.only
        )
        try:
            return await service.lanes.elsewhere.run(
                lambda _: conversing.converse(self._settings.instructions, wish)
            )
        except VoiceApiError as error:
            if error.code != "queue_full" or wish.insists:
                raise
            return Talk(here.converse(""), Answered(LOCAL, degraded=True, reason="busy"))

    async def _listen(self) -> None:
        """What came back is listened to here."""
        while True:
            samples = await self._back.get()
            await self._listen_here(samples)
            self._back.task_done()

    async def _taken_back(self) -> None:
        """Sound is taken from the client no faster than it is heard."""
        empty = asyncio.ensure_future(self._back.join())
        await asyncio.wait({empty, *self._tasks}, return_when=asyncio.FIRST_COMPLETED)
        empty.cancel()

    async def _tell(self) -> None:
        while True:
            happening = await self._told.get()
            if isinstance(happening, VoiceApiError):
                raise happening
            await self._happened(happening)

    async def _happened(self, happening: Happening) -> None:
        match happening.what:
            case "heard":
                await self._heard(happening)
            case "said" | "sound":
                await self._answering(await self._begun(), happening)
            case "answered":
                await self._ended()
            case "interrupted":
                await self._send(
                    speech_started(f"item_{uuid4().hex[:24]}", round(self.seconds * SAMPLE_RATE))
                )
                await self._ended(cut_off=True)
            case "engine" | "ended":
                await self._ended(cut_off=True)
                await self._changed(ended=happening.what == "ended")

    async def _changed(self, *, ended: bool) -> None:
        """Another one goes on, or nobody: then the next sound begins anew."""
        if self._talk and not ended:
            self._count(self._talk.answered)
            await self._tell_engine(self._talk.answered)
        elif ended:
            self._talk = None

    async def _heard(self, happening: Happening) -> None:
        item = f"item_{uuid4().hex[:24]}"
        for tell in (committed, item_created):
            await self._send(tell(item, self._previous))
        self._previous = item
        about = members_of(self._talk.answered) if self._talk else {}
        emotions = {"emotions": dict(happening.emotions)} if happening.emotions else {}
        part = {"item_id": item, "content_index": 0, "transcript": happening.text}
        await self._send({"type": f"{TRANSCRIPTION}.completed", **part, **about, **emotions})

    async def _begun(self) -> Response:
        if self._response is None:
            self._response = Response(self._send, aloud=self._settings.aloud)
            await self._response.begin()
        return self._response

    async def _answering(self, response: Response, happening: Happening) -> None:
        samples, rate = happening.samples, happening.sample_rate
        if samples is None:
            await response.say(happening.text)
            return
        if self._talk:
            self._spoken[self._talk.answered.engine] += samples.size / rate
        if not self._settings.aloud or self._silenced:
            return
        if self._outflow is None or self._outflow[0] != rate:
            self._outflow = (rate, Outflow(rate, self._settings.rate))
        await response.sound(self._outflow[1].feed(samples))

    async def _ended(self, *, cut_off: bool = False) -> None:
        """What was being said is over; of what was cut off no more is told."""
        response, outflow, silenced = self._response, self._outflow, self._silenced
        self._response, self._outflow, self._silenced = None, None, False
        self._count_spoken()
        if response is None:
            return
        if cut_off or silenced:
            await response.end("cancelled", reason="turn_detected")
            return
        if outflow and (rest := outflow[1].end()):
            await response.sound(rest)
        await response.end(about={"spoken": members_of(self._talk.answered)} if self._talk else None)

    async def _tell_engine(self, answered: Answered) -> None:
        await self._send({"type": "conversation.engine", **members_of(answered)})

    def _count_spoken(self) -> None:
        """What engines have said since the last time, whether it was passed on or not."""
        for engine, seconds in self._spoken.items():
            self._service.elsewhere.sound.spoken(engine, self._company.wished.wish.caller, seconds)
        self._spoken.clear()

    def _count(self, answered: Answered) -> None:
        self._service.figures.answered_by("converse", answered.wished, answered.engine, answered.reason)

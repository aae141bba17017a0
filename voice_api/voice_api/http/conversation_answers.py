"""Answers what is said in a conversation by the command core, one utterance after the other, and aloud."""

import asyncio
import time
from collections.abc import Mapping
from contextlib import aclosing
from dataclasses import dataclass, replace
from functools import partial
from math import inf
from uuid import uuid4

from voice_api.commands.confirmation.pending import VOICE_SECONDS
from voice_api.commands.conversation.turn import Turn
from voice_api.commands.core import Reply
from voice_api.commands.policy import User
from voice_api.commands.wake import Called, addressed
from voice_api.engines.choice import Answered
from voice_api.errors import VoiceApiError
from voice_api.http.answering import code_of, command_of, lasting, reply_to
from voice_api.http.breaking import Breaking
from voice_api.http.conversation_wish import ConversationSettings
from voice_api.http.listening import Heard
from voice_api.http.outflow import pcm_at
from voice_api.http.playing import Playing
from voice_api.http.response import Response, Send
from voice_api.http.service import Service
from voice_api.http.speaking import SPOKEN_HERE, Words, spoken
from voice_api.http.waiting import too_late
from voice_api.http.wishes import Wished, members_of
from voice_api.speech.protocol import TranscribeOptions

MOST_WAITING = 4
"""Utterances that wait for their answers; while so many do, nothing more is listened to."""

ATTENTION_SECONDS = 10.0
"""After a reply, for which it is clear without a wake phrase who is meant."""

BYTES_A_SAMPLE = 2


@dataclass(frozen=True, slots=True)
class Company:
    """Who speaks, in which conversation, and which engines are wished for."""

    user: User
    session: str
    wished: Wished


class CommandAnswers:
    """A Partner. What has begun to be done is always done and told; only its sound can be cut off."""

    def __init__(self, service: Service, send: Send, company: Company, breaking: Breaking) -> None:
        self.settings = ConversationSettings()
        self._service, self._send, self._company, self._breaking = service, send, company, breaking
        self._answers: list[asyncio.Task[None]] = []
        self._sounding: asyncio.Task[Answered] | None = None
        self._playing = Playing("", -inf, whole=True)
        self._interruptions = 0
        self._item = ""
        self._question: Playing | None = None
        self._unanswered: tuple[Heard, float] | None = None

    @property
    def hears_here(self) -> bool:
        """What may not be meant for us at all is nobody else's to hear."""
        return bool(self.settings.wake_phrase) and not self._attentive(time.monotonic())

    def options(self, options: TranscribeOptions) -> TranscribeOptions:
        """What follows the wake phrase is to be understood."""
        phrase = self.settings.wake_phrase
        if not phrase or options.live is None:
            return options
        called = Called(options.live.understanding, phrase)
        return replace(options, live=replace(options.live, understanding=called))

    async def began(self) -> None:
        if self.settings.interrupts:
            self.interrupt()

    def interrupt(self) -> None:
        """Cut off what is being said or played, or will be of what is being done."""
        self._interruptions += 1
        self._cut_off()

    def truncated(self, item: object) -> None:
        """The client has stopped to play; that of an older reply makes no difference."""
        if item == self._item:
            self._cut_off()

    def played(self, item: object) -> None:
        """The client has played a reply to its end just now."""
        if item == self._item:
            self._playing.heard_at(time.monotonic())

    async def heard(self, heard: Heard, began: float) -> None:
        text = heard.transcript.text.strip()
        echo = not self.settings.interrupts and self._playing.returns_as(text, began)
        if not text or echo:
            return
        meant = self._meant(heard, began)
        if meant is None:
            return
        if self.settings.creates:
            await self._answer(meant, began)
        else:
            self._unanswered = meant, began

    async def create(self) -> None:
        """Answer what was said last, where that was not answered yet."""
        if self._unanswered is None:
            raise VoiceApiError("nothing_to_answer", "nothing was said that is not answered", "say something")
        (heard, began), self._unanswered = self._unanswered, None
        await self._answer(heard, began)

    async def end(self) -> None:
        """What is being done is done, but not told any more."""
        tasks = [*self._answers, *([self._sounding] if self._sounding else [])]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _cut_off(self) -> None:
        self._playing.cut(time.monotonic())
        if self._sounding:
            self._sounding.cancel()

    def _attentive(self, now: float) -> bool:
        """Whether what is said just now is meant for us without a wake phrase."""
        asked = self._question is not None and now < self._question.quiet + VOICE_SECONDS
        return asked or bool(self._waiting) or now < self._playing.quiet + ATTENTION_SECONDS

    def _meant(self, heard: Heard, began: float) -> Heard | None:
        """Without the wake phrase; None where it is needed and was not said."""
        phrase = self.settings.wake_phrase
        if not phrase:
            return heard
        rest = addressed(heard.transcript.text, phrase)
        if rest is None:
            return heard if self._attentive(began) else None
        first = heard.transcript.first
        first_rest = addressed(first.text, phrase) if first else None
        first = replace(first, text=first_rest) if first and first_rest is not None else None
        return replace(heard, transcript=replace(heard.transcript, text=rest, first=first))

    async def _answer(self, heard: Heard, began: float) -> None:
        if len(self._waiting) >= MOST_WAITING:
            await asyncio.wait(self._waiting[:1])
        before = self._waiting[-1] if self._waiting else None
        task = asyncio.create_task(self._answered(heard, began, before, self._interruptions))
        self._breaking.watch(task)
        self._answers = [*self._waiting, task]

    @property
    def _waiting(self) -> "list[asyncio.Task[None]]":
        return [task for task in self._answers if not task.done()]

    async def _answered(
        self, heard: Heard, began: float, before: "asyncio.Task[None] | None", interruptions: int
    ) -> None:
        if before:
            await asyncio.wait({before})
        response = Response(self._send, aloud=self.settings.aloud)
        await response.begin()
        since = self._question.since(began) if self._question else None
        turn = Turn(
            self._company.user,
            self._company.session,
            spoken=True,
            since=since,
            command=f"cmd_{uuid4().hex}",
            wanted=lambda: interruptions == self._interruptions,
        )
        seconds = self._service.settings.request_seconds
        try:
            async with asyncio.timeout(seconds):
                heard = await lasting(self._service, heard)
                reply = await reply_to(self._service, heard, turn)
        except TimeoutError:
            await response.end("failed", too_late(seconds))
        except VoiceApiError as error:
            await response.end("failed", error)
        else:
            about = {"command": command_of(heard, reply, turn)}
            await self._told(response, reply, about, interruptions)

    async def _told(
        self, response: Response, reply: Reply, about: Mapping[str, object], interruptions: int
    ) -> None:
        """In words always; aloud, unless somebody has begun to speak since it was asked."""
        text = self._asked_again(reply)
        playing = self._playing = Playing(text, self._playing.free(time.monotonic()))
        self._item = response.item
        if text != reply.reply or reply.status == "REQUIRES_CONFIRMATION":
            self._question = playing
        elif reply.status != "NEEDS_CLARIFICATION" and not code_of(reply).startswith("answer_"):
            self._question = None
        await response.say(text)
        if not self.settings.aloud:
            playing.whole = True
            playing.heard_at(time.monotonic())
            await response.end(about=about)
            return
        if interruptions != self._interruptions:
            playing.cut(time.monotonic())
            await response.end("cancelled", reason="turn_detected", about=about)
            return
        sounding = self._sounding = asyncio.create_task(self._sound(response, playing))
        await asyncio.wait({sounding})
        self._sounding = None
        if sounding.cancelled():
            await response.end("cancelled", reason="turn_detected", about=about)
        elif error := sounding.exception():
            if not isinstance(error, VoiceApiError):
                raise error
            await response.end("failed", error, about=about)
        else:
            playing.whole = True
            await response.end(about={**about, "spoken": members_of(sounding.result())})

    def _asked_again(self, reply: Reply) -> str:
        """A question that was answered before it was heard to its end is asked once more."""
        if code_of(reply) == "answer_too_early" and self._question:
            asked = self._question.text.removeprefix(f"{reply.reply} ")
            return f"{reply.reply} {asked}"
        return reply.reply

    async def _sound(self, response: Response, playing: Playing) -> Answered:
        settings, told = self.settings, [SPOKEN_HERE]
        words = Words(playing.text, settings.voice, settings.speed)
        asked = self._company.wished.again(response.identity).gently
        encode = partial(pcm_at, settings.rate)
        async with aclosing(spoken(self._service, words, asked, encode, told.append)) as pieces:
            async for pcm in pieces:
                playing.more(time.monotonic(), len(pcm) / BYTES_A_SAMPLE / settings.rate)
                await response.sound(pcm)
        return told[-1]

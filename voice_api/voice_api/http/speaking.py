"""Speaks for whoever wishes it: by an engine elsewhere, or here, each in its lane."""

import asyncio
from collections import defaultdict
from collections.abc import AsyncGenerator, Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from voice_api.engines.choice import Answered
from voice_api.engines.engine import LOCAL, Engine
from voice_api.engines.speaking import Spoken
from voice_api.errors import VoiceApiError
from voice_api.http.service import Service
from voice_api.http.tickets import Ticket
from voice_api.http.waiting import before, too_late
from voice_api.http.wishes import Wished

ENDED = b""
SPOKEN_HERE = Answered(LOCAL, wished=LOCAL)
Result = TypeVar("Result")
Tell = Callable[[Answered], None]


@dataclass(frozen=True, slots=True)
class Words:
    """What is to be said, and how."""

    text: str
    voice: str | None = None
    speed: float = 1.0


async def speak(
    service: Service, words: Words, asked: Wished, take: Callable[[Spoken], Result], tell: Tell
) -> Result:
    """What `take` makes of the sound, on the thread of a lane; `tell` is told before who speaks.

    Whom no lane elsewhere has a place for is spoken to here.
    """
    speaker = service.engines.speaker

    def here(ticket: Ticket) -> Result:
        pieces = service.spoken(words.text, words.voice, words.speed, ticket)
        return take(_counted(service, Spoken(speaker.sample_rate, pieces), asked, [SPOKEN_HERE]))

    def there(ticket: Ticket) -> Result:
        local = Engine(LOCAL, speaker=speaker, leaves_machine=False)
        speaking = service.elsewhere.speaking(local, asked.only)
        voice = words.voice or service.settings.voice or None
        by: list[Answered] = []
        sound, answered = speaking.speak(words.text, voice, words.speed, asked.wish, by.append)
        by.insert(0, answered)
        tell(answered)
        service.figures.answered_by("speak", answered.wished, answered.engine, answered.reason)
        pieces = service.counted(sound.pieces, sound.sample_rate, ticket)
        return take(_counted(service, replace(sound, pieces=pieces), asked, by))

    told = SPOKEN_HERE
    if not asked.at_home:
        try:
            return await service.lanes.elsewhere.run(there)
        except VoiceApiError as error:
            if error.code != "queue_full" or asked.wish.insists:
                raise
            told = Answered(LOCAL, degraded=True, reason="busy")
    tell(told)
    return await service.speak(here, words.text)


def _counted(service: Service, sound: Spoken, asked: Wished, by: Sequence[Answered]) -> Spoken:
    """The same sound, counted for who asked, of whoever speaks it: the last in `by`, which may grow."""
    return replace(sound, pieces=_passed(service, sound, asked.wish.caller, by))


def _passed(
    service: Service, sound: Spoken, caller: str, by: Sequence[Answered]
) -> Iterator[NDArray[np.int16]]:
    samples: dict[str, int] = defaultdict(int)
    try:
        for piece in sound.pieces:
            samples[by[-1].engine] += len(piece)
            yield piece
    finally:
        for engine, number in samples.items():
            service.elsewhere.sound.spoken(engine, caller, number / sound.sample_rate)


async def spoken(
    service: Service,
    words: Words,
    asked: Wished,
    encode: Callable[[Spoken], Iterator[bytes]],
    tell: Tell,
) -> AsyncGenerator[bytes, None]:
    """The encoded sound while it is made; the model's thread never waits for whoever reads it.

    What is made and not yet read is bounded by the length of the text.
    """
    loop = asyncio.get_running_loop()
    made: asyncio.Queue[bytes] = asyncio.Queue()

    def take(sound: Spoken) -> None:
        for chunk in encode(sound):
            if chunk:
                loop.call_soon_threadsafe(made.put_nowait, chunk)

    speaking = asyncio.ensure_future(speak(service, words, asked, take, tell))
    speaking.add_done_callback(lambda _: made.put_nowait(ENDED))
    deadline = loop.time() + service.settings.request_seconds
    try:
        while chunk := await before(deadline, made.get):
            yield chunk
        await speaking
    except TimeoutError:
        raise too_late(service.settings.request_seconds) from None
    finally:
        speaking.cancel()

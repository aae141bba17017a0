"""Who listens to a reply can stop at any moment, also as a piece of it arrives, and may listen slowly."""

import asyncio
import threading
from collections.abc import Iterator
from contextlib import aclosing
from dataclasses import replace
from functools import partial
from typing import Any

import pytest

from voice_api.engines.speaking import Spoken
from voice_api.http.outflow import pcm_at
from voice_api.http.service import open_service
from voice_api.http.speaking import Words, spoken
from voice_api.http.wishes import HOME
from voice_api.settings import Settings

WAIT_SECONDS = 60


@pytest.mark.parametrize("turns", range(8))
def test_it_ends_however_close_behind_a_piece_it_is_cut_off(
    engines: Any, slow_speaker: Any, turns: int
) -> None:
    """`turns` of the event loop lie between a piece and the cut; a cancelled wait_for would lose some."""

    async def cut_off() -> bool:
        loop = asyncio.get_running_loop()
        service = open_service(Settings(), replace(engines, speaker=slow_speaker(2, 0.0)))
        in_one_turn, is_cut = threading.Event(), threading.Event()

        def cut(left: int) -> None:
            if left:
                loop.call_soon(cut, left - 1)
                return
            listening.cancel()
            is_cut.set()

        def encode(_: Spoken) -> Iterator[bytes]:
            loop.call_soon_threadsafe(in_one_turn.wait, WAIT_SECONDS)
            yield b"a piece"
            loop.call_soon_threadsafe(cut, turns)
            in_one_turn.set()
            assert is_cut.wait(WAIT_SECONDS)
            yield b"another"

        async def listen() -> None:
            async with aclosing(spoken(service, Words("a reply"), HOME, encode, lambda _: None)) as pieces:
                async for _ in pieces:
                    pass

        listening = asyncio.create_task(listen())
        await asyncio.wait({listening}, timeout=WAIT_SECONDS)
        return listening.cancelled()

    assert asyncio.run(cut_off())


def test_what_was_made_in_time_is_given_out_however_slowly_it_is_listened_to(
    engines: Any, slow_speaker: Any
) -> None:
    async def listened() -> int:
        service = open_service(Settings(request_seconds=5), replace(engines, speaker=slow_speaker(3, 0.0)))
        pieces, encode = 0, partial(pcm_at, 24_000)
        async with aclosing(spoken(service, Words("a reply"), HOME, encode, lambda _: None)) as given:
            async for _ in given:
                await asyncio.sleep(0 if pieces else 5.5)
                pieces += 1
        return pieces

    assert asyncio.run(listened()) == 3

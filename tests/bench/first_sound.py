"""How long it is from the end of a spoken question to the first sound of its reply."""

import json
import statistics
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from types import SimpleNamespace
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1] / "http"))

from population import SPOKEN
from talker import RATE, Talker, spoken
from understanding import percentile

from voice_api.speech.speakers.espeak import EspeakSpeaker

PIECE_SECONDS, SILENCE_SECONDS = 0.1, 0.1
WARM_UP = 3
QUESTIONS = (
    "describe {}",
    "what version is {} running",
    "rollout status of {}",
    "how often has {} restarted",
    "what is wrong with {}",
    "rollout history of {}",
)
SOUND_HEADER = (
    "| sound to the first sound of the reply | count | goal | p50 ms | p95 | most | understood |\n"
    "|---|---|---|---|---|---|---|"
)


@dataclass(frozen=True, slots=True)
class Heard:
    """Milliseconds to the first sound of a reply, and whether the command was understood."""

    first: float
    understood: bool


Speaks = Callable[[Talker, bytes], Heard]


def recordings(count: int) -> Iterator[bytes]:
    """Questions that only read, no two with the same reply, for those are kept: pcm16."""
    voice = SimpleNamespace(speaker=EspeakSpeaker())
    sentences = (template.format(name) for template in QUESTIONS for name in SPOKEN)
    for sentence in islice(sentences, count):
        yield spoken(voice, sentence, silence_seconds=SILENCE_SECONDS)


def heard(address: str, key: str, sounds: Sequence[bytes], speak: Speaks, **turns: Any) -> list[Heard]:
    """What each of these comes to in one conversation."""
    talker = Talker(address, key=key)
    try:
        talker.wish(audio={"input": turns})
        return [speak(talker, sound) for sound in sounds]
    finally:
        talker.close()


def handed_over(talker: Talker, sound: bytes) -> Heard:
    """All at once, and said to be all, as when a button is let go."""
    talker.append(sound)
    talker.say("input_audio_buffer.commit")
    return _first_sound(talker, time.perf_counter())


def hands_free(talker: Talker, sound: bytes) -> Heard:
    """At the pace of speech, then silence; from the last of the speech on."""
    size = round(RATE * PIECE_SECONDS) * 2
    due = time.perf_counter()
    for start in range(0, len(sound), size):
        talker.append(sound[start : start + size])
        due += PIECE_SECONDS
        time.sleep(max(0.0, due - time.perf_counter()))
    ended = time.perf_counter() - SILENCE_SECONDS
    while not _speaks_before(talker, due := due + PIECE_SECONDS):
        talker.append(bytes(size))
    first = (time.perf_counter() - ended) * 1000
    return Heard(first, talker.command()["status"] == "SUCCESS")


def _speaks_before(talker: Talker, due: float) -> bool:
    while (left := due - time.perf_counter()) > 0:
        try:
            event = json.loads(talker.socket.recv(left))
        except TimeoutError:
            return False
        if event["type"] in {"response.output_audio.delta", "error"}:
            return True
    return False


def _first_sound(talker: Talker, since: float) -> Heard:
    talker.until("response.output_audio.delta")
    first = (time.perf_counter() - since) * 1000
    return Heard(first, talker.command()["status"] == "SUCCESS")


def sound_row(what: str, goal: str, found: Sequence[Heard]) -> str:
    first = [each.first for each in found]
    understood = sum(each.understood for each in found)
    cells = f"{statistics.median(first):.0f} | **{percentile(first, 95):.0f}** | {max(first):.0f}"
    return f"| {what} | {len(found)} | {goal} | {cells} | {understood} of {len(found)} |"


def sound_rows(address: str, key: str, count: int) -> Iterator[str]:
    """Of each way to say that one has ended a row; of the slow one fewer are spoken."""
    every = list(recordings(WARM_UP + count + max(1, count // 4)))
    button = heard(address, key, every[: WARM_UP + count], handed_over, turn_detection=None)[WARM_UP:]
    yield sound_row("said to be all, as when a button is let go", "p95 under 200", button)
    free = heard(address, key, every[WARM_UP + count :], hands_free)
    yield sound_row("hands free: from the last of the speech, with 500 ms of silence", "", free)

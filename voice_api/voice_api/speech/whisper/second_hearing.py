"""Hears a sound again with live names where it was not understood without, and takes what is better."""

import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TypeAlias

from voice_api.speech.protocol import LiveNames, NamesOutcome, Transcript
from voice_api.speech.whisper.confidence import Statistics
from voice_api.speech.whisper.hearing import Attempt, Hearing, Spoken
from voice_api.speech.whisper.keywords import keywords_of
from voice_api.speech.whisper.naming import named_again
from voice_api.speech.whisper.prompts import ONLY_LANGUAGE, Prompt
from voice_api.speech.whisper.rules import TokenRules
from voice_api.speech.whisper.transcripts import Heard

Told: TypeAlias = tuple[Transcript, Statistics]


class TooLateError(Exception):
    """There is no time left to hear a sound again."""


def understood(hearing: Hearing, first: Told, tell: Callable[[Heard], Told], live: LiveNames) -> Told:
    """`first`, as the hearing told it without names, or what it tells with them where that is better.

    GivenUpError when nobody waits any longer, as for the first; being late costs the second hearing alone.
    """
    text = first[0].text
    if live.understanding.settled(text):
        return _stands(first, hearing, "unneeded")
    try:
        heard = _again(hearing, live)
    except TooLateError:
        return _stands(first, hearing, "late")
    if heard is None:
        return _stands(first, hearing, "not_tried")
    second, statistics = tell(heard)
    if not live.understanding.better(second.text, than=text):
        return _stands(first, hearing, "kept")
    return replace(second, names="taken", first=first[0]), statistics


def _again(hearing: Hearing, live: LiveNames) -> Heard | None:
    """The only utterance once more, from what the encoder made of it, with names that are near to it.

    None where there is no such name, or more than one utterance.
    """
    if hearing.only is None:
        return None
    with hearing.watch.stage("decode_names"):
        attempt = _named(hearing, hearing.only, live)
    return hearing.told(replace(hearing.only, attempt=attempt))[0] if attempt else None


def _named(hearing: Hearing, spoken: Spoken, live: LiveNames) -> Attempt | None:
    names = (*hearing.options.keywords, *live.names)
    plain, hidden = spoken.attempt.decoded, spoken.attempt.hidden
    near = keywords_of(names, hearing.folder.vocabulary).near(plain.tokens)
    if not near:
        return None
    go_on = _in_time(hearing.company.go_on, live.until)
    go_on()
    decoded = named_again(
        lambda: hearing.model.decoder.begin(hidden),
        _prompt(hearing, spoken, [name for name in names if near.knows(name)]),
        TokenRules(hearing.folder.generation, spoken.timed),
        replace(hearing.search, keywords=near, go_on=go_on),
        plain,
    )
    return Attempt(decoded, hidden)


def _prompt(hearing: Hearing, spoken: Spoken, names: Sequence[str]) -> Prompt:
    """What the first hearing began with, after the names where the model takes words before it hears."""
    language = hearing.language or ONLY_LANGUAGE
    return hearing.model.prompter.prompt(hearing.options, language, spoken.timed, names)


def _stands(first: Told, hearing: Hearing, outcome: NamesOutcome) -> Told:
    transcript, statistics = first
    return replace(transcript, names=outcome, timings_ms=hearing.watch.timings_ms), statistics


def _in_time(go_on: Callable[[], None], until: float) -> Callable[[], None]:
    def check() -> None:
        go_on()
        if time.monotonic() >= until:
            raise TooLateError

    return check

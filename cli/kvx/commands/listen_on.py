"""kvx listen --continuous: a conversation, printed and played as it goes on."""

import base64
import json
import sys
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from kvx.commands.answer import lines_of
from kvx.drivers.conversing import Conversation, Wish, conversation
from kvx.drivers.hearing import pieces_of
from kvx.drivers.playing import RATE, Kept, Pipe, Sink
from kvx.drivers.sounds import wav_from_raw, write_sound
from kvx.drivers.voice_api import Speaker
from kvx.errors import KvxError

SCHEMA = "kvx/conversation/v1"
QUIET_SECONDS = 3.0
"""After the last sound, for which nothing has happened and nothing is under way."""

HEARD = tuple(f"conversation.item.input_audio_transcription.{how}" for how in ("completed", "failed"))
LAST_REPLY_SECONDS = 60.0
Say = Callable[[str], None]


class Listening:
    """Says what comes from a microphone or a file, and tells what is answered; ends when all is answered."""

    def __init__(
        self,
        talk: Conversation,
        sink: Sink,
        say: Say,
        *,
        interrupts: bool = False,
        as_json: bool = False,
        quiet_seconds: float = QUIET_SECONDS,
    ) -> None:
        self._talk, self._sink, self._say = talk, sink, say
        self._interrupts, self._as_json, self._quiet_seconds = interrupts, as_json, quiet_seconds
        self._over = threading.Event()
        self._failed: KvxError | None = None
        self._open: set[str] = set()
        self._last = time.monotonic()

    def on(self, pieces: Iterable[bytes]) -> None:
        """Until they end; KvxError where the conversation does before."""
        saying = threading.Thread(target=self._said, args=(pieces,), name="microphone", daemon=True)
        saying.start()
        for event in self._talk.events():
            if event is not None:
                self._last = time.monotonic()
                self._opened_or_closed(event)
                self._happened(event)
            elif self._over.is_set() and not self._open and self._quiet:
                break
            if self._failed:
                raise self._failed
        self._sink.finish(LAST_REPLY_SECONDS)

    @property
    def _quiet(self) -> bool:
        return time.monotonic() - self._last > self._quiet_seconds

    def _said(self, pieces: Iterable[bytes]) -> None:
        try:
            for piece in pieces:
                self._talk.say(piece)
        except KvxError as error:
            self._failed = error
        self._last = time.monotonic()
        self._over.set()

    def _happened(self, event: Mapping[str, Any]) -> None:
        match event:
            case {"type": "error", "error": {"message": str(message)}}:
                raise KvxError(f"the voice API says: {message}", "kvx status")
            case {"type": "conversation.item.input_audio_transcription.completed", "transcript": str(text)}:
                self._heard(text)
            case {"type": "input_audio_buffer.speech_started"}:
                self._interrupted()
            case {"type": "response.output_audio.delta", "item_id": str(item), "delta": str(delta)}:
                self._sink.take(item, base64.b64decode(delta))
            case {"type": "response.output_audio.done", "item_id": str(item)}:
                self._sink.done(item)
            case {"type": "response.done", "response": dict(response)}:
                self._answered(response)

    def _opened_or_closed(self, event: Mapping[str, Any]) -> None:
        """What is being heard, and what is being answered, is waited for."""
        match event:
            case {"type": "input_audio_buffer.committed", "item_id": str(identity)}:
                self._open.add(identity)
            case {"type": "response.created", "response": {"id": str(identity)}}:
                self._open.add(identity)
            case {"type": str(kind), "item_id": str(identity)} if kind in HEARD:
                self._open.discard(identity)
            case {"type": "response.done", "response": {"id": str(identity)}}:
                self._open.discard(identity)

    def _heard(self, text: str) -> None:
        if text and not self._as_json:
            self._say(f"heard     {text}")

    def _interrupted(self) -> None:
        """Play nothing more; the service may have sent all of it long ago."""
        if self._interrupts and (item := self._sink.cut()):
            self._talk.tell("conversation.item.truncate", item_id=item, content_index=0, audio_end_ms=0)

    def _answered(self, response: Mapping[str, Any]) -> None:
        command = response.get("command") or {"reply": _text(response), "intent": None}
        told = {**command, "interrupted": response.get("status") == "cancelled"}
        if self._as_json:
            self._say(json.dumps({"schema": SCHEMA, **told}))
        else:
            self._say("\n".join(lines_of(told)))


def _text(response: Mapping[str, Any]) -> str:
    """What an engine that answers by itself has said."""
    parts = [part for item in response.get("output", ()) for part in item.get("content", ())]
    error = (response.get("status_details") or {}).get("error") or {}
    said = " ".join(str(part.get("transcript") or part.get("text") or "") for part in parts)
    return said or str(error.get("message") or "")


def listen_on(
    address: str,
    source: tuple[str, int | None],
    wish: Wish,
    speaker: Speaker,
    spoken: Path | None,
    *,
    as_json: bool,
) -> None:
    """Converse from a file or pipe, and the rate of its sound where that has no header, until it ends."""
    pieces = pieces_of(*source)
    with conversation(address, wish, speaker, pieces.rate) as talk:
        kept = Kept()
        piped = spoken == Path("-")
        sink: Sink = Pipe(sys.stdout.buffer, _telling(talk)) if piped else kept
        listening = Listening(talk, sink, _teller(piped), interrupts=wish.interrupts, as_json=as_json)
        try:
            listening.on(pieces)
        finally:
            if spoken and not piped and kept.sound:
                write_sound(spoken, wav_from_raw(kept.sound, RATE))
                print(f"The spoken answers are in {spoken}", file=sys.stderr)


def _telling(talk: Conversation) -> Callable[[str], None]:
    """Tells the service which reply was heard to its end; nobody is told once the conversation is over."""

    def played(item: str) -> None:
        with suppress(KvxError):
            talk.tell("conversation.item.played", item_id=item)

    return played


def _teller(piped: bool) -> Say:
    """Words go to stdout, unless sound does."""
    to = sys.stderr if piped else sys.stdout
    return lambda line: print(line, file=to, flush=True)

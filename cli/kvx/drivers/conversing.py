"""Holds a conversation with a running voice API: sound as it is said, replies as they come."""

import base64
import json
import select
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from ssl import SSLSocket
from typing import Any
from urllib.parse import urlencode

from websocket import ABNF, WebSocket, WebSocketBadStatusException, WebSocketException, create_connection

from kvx.drivers.voice_api import Speaker
from kvx.errors import ExitCode, KvxError

CONNECT_SECONDS = 10.0
LOOK_SECONDS = 0.2
STUCK_SECONDS = 60.0
"""So long a service that is busy may read nothing."""
UNKNOWN = 404


@dataclass(frozen=True, slots=True)
class Wish:
    """How a conversation is to be held.

    answers      "commands", or "engine" for one that answers by itself
    aloud        whether replies are spoken
    interrupts   whether who speaks cuts a reply off; not where the microphone hears the loudspeaker
    wake_phrase  what a speech has to begin with; empty is nothing
    """

    answers: str = "commands"
    aloud: bool = False
    interrupts: bool = False
    wake_phrase: str = ""
    voice: str | None = None

    def session(self, rate: int) -> dict[str, Any]:
        """For sound of a rate."""
        heard = {
            "format": {"type": "audio/pcm", "rate": rate},
            "turn_detection": {"type": "server_vad", "interrupt_response": self.interrupts},
        }
        spoken = {"voice": self.voice} if self.voice else {}
        return {
            "type": "realtime",
            "output_modalities": ["audio" if self.aloud else "text"],
            "audio": {"input": heard, "output": spoken},
            "wake_phrase": self.wake_phrase,
        }


class Conversation:
    """One session; one thread says, another one reads."""

    def __init__(self, socket: WebSocket) -> None:
        self._socket = socket
        self._lock = threading.Lock()

    def say(self, pcm: bytes) -> None:
        self.tell("input_audio_buffer.append", audio=base64.b64encode(pcm).decode("ascii"))

    def tell(self, kind: str, **members: Any) -> None:
        """KvxError where nobody is there any more."""
        with self._lock:
            try:
                self._socket.send(json.dumps({"type": kind, **members}))
            except (WebSocketException, OSError):
                raise _ended() from None

    def events(self) -> Iterator[Mapping[str, Any] | None]:
        """What happens; None where nothing has for a while. KvxError once it cannot go on."""
        while True:
            yield self._next()

    def close(self) -> None:
        """Takes leave; where what is being said is not read, the thread that says it is woken instead."""
        if self._lock.acquire(timeout=LOOK_SECONDS):
            self._socket.settimeout(LOOK_SECONDS)
            self._lock.release()
        else:
            self._socket.abort()  # type: ignore[no-untyped-call]
        self._socket.close(timeout=LOOK_SECONDS)

    def _next(self) -> Mapping[str, Any] | None:
        try:
            if not self._comes():
                return None
            # Pings too, which are answered by then: without them it waits on for what comes after one.
            kind, text = self._socket.recv_data(control_frame=True)
        except (WebSocketException, OSError):
            raise _ended() from None
        if kind == ABNF.OPCODE_CLOSE:
            raise _ended()
        return dict(json.loads(text)) if kind == ABNF.OPCODE_TEXT else None

    def _comes(self) -> bool:
        """Whether anything does within LOOK_SECONDS; of TLS more may be here than was asked for."""
        socket = self._socket.sock
        if isinstance(socket, SSLSocket) and socket.pending():
            return True
        return bool(select.select([self._socket], [], [], LOOK_SECONDS)[0])


@contextmanager
def conversation(address: str, wish: Wish, speaker: Speaker, rate: int) -> Iterator[Conversation]:
    """A session that is as wished, for sound of a rate; KvxError where there is none."""
    query = {"answers": wish.answers, **({"session": speaker.session} if speaker.session else {})}
    url = f"{address.replace('http', 'ws', 1)}/v1/conversation?{urlencode(query)}"
    talk = Conversation(_opened(url, speaker))
    try:
        talk.tell("session.update", session=wish.session(rate))
        yield talk
    finally:
        talk.close()


def _opened(url: str, speaker: Speaker) -> WebSocket:
    """Without the proxies of the environment: the voice API is on this machine. And as no browser's page."""
    try:
        socket: WebSocket = create_connection(
            url,
            CONNECT_SECONDS,
            header=speaker.headers,
            http_no_proxy=["*"],
            enable_multithread=True,
            suppress_origin=True,
        )
    except WebSocketBadStatusException as error:
        raise _refused(error.status_code, error.resp_body) from None
    except (WebSocketException, OSError) as error:
        message = f"nothing converses at {url.partition('?')[0]} ({type(error).__name__})"
        raise KvxError(message, "kvx deploy", ExitCode.MISSING) from None
    socket.settimeout(STUCK_SECONDS)
    return socket


def _refused(status: int, body: bytes | None) -> KvxError:
    """The voice API's own words."""
    if status == UNKNOWN:
        return KvxError("this voice API holds no conversations", "kvx deploy, to have the one of this kvx")
    try:
        error = json.loads(body or b"")["error"]
        message, fix = str(error["message"]), str(error.get("fix") or "kvx status")
    except (ValueError, KeyError, TypeError):
        message, fix = f"the voice API answered {status}", "kvx status"
    return KvxError(message.removesuffix(f"; {fix}"), fix)


def _ended() -> KvxError:
    return KvxError("the conversation has ended", "kvx status tells how the voice API is; then say it again")

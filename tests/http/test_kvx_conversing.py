"""How kvx listen --continuous holds its end of a conversation when the service is slow, silent or gone."""

import base64
import json
import socket
import ssl
import subprocess
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from itertools import islice
from pathlib import Path
from typing import Any

import pytest
from websocket import create_connection
from websockets.frames import Frame, Opcode
from websockets.http11 import Request
from websockets.server import ServerProtocol

from kvx.drivers.conversing import Conversation, Wish, conversation
from kvx.drivers.voice_api import SOMEBODY
from kvx.errors import KvxError

WAIT_SECONDS, RATE = 60.0, 16_000
BUFFER_BYTES = 65_536
HAPPENED = {"type": "input_audio_buffer.speech_started"}


class OtherSide:
    """A service of one conversation; it reads and says only what the test wants."""

    def __init__(self, context: ssl.SSLContext | None = None) -> None:
        self._context, self._protocol = context, ServerProtocol()
        self._open = ExitStack()
        self._listening = self._open.enter_context(socket.socket())
        self._listening.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, BUFFER_BYTES)
        self._listening.bind(("127.0.0.1", 0))
        self._listening.listen()
        self._greeting = threading.Thread(target=self._greet, daemon=True)
        self.address = f"http://127.0.0.1:{self._listening.getsockname()[1]}"

    def __enter__(self) -> "OtherSide":
        self._greeting.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._open.close()
        self._greeting.join(WAIT_SECONDS)

    def frames(self) -> Iterator[Frame]:
        """What comes, from now on."""
        self._greeting.join(WAIT_SECONDS)
        while True:
            for each in self._read():
                assert isinstance(each, Frame)
                yield each

    def messages(self) -> Iterator[dict[str, Any]]:
        return (json.loads(each.data) for each in self.frames())

    def begins(self) -> None:
        """Wait until something comes, and leave the rest."""
        assert self._socket.recv(1)

    def say(self, *events: dict[str, Any]) -> None:
        """All of them at once."""
        for each in events:
            self._protocol.send_text(json.dumps(each).encode())
        self._send()

    def ping(self) -> None:
        self._protocol.send_ping(b"there?")
        self._send()

    def _greet(self) -> None:
        plain, _ = self._listening.accept()
        plain.settimeout(WAIT_SECONDS)
        wrapped = self._context.wrap_socket(plain, server_side=True) if self._context else plain
        self._socket = self._open.enter_context(wrapped)
        (request,) = self._read()
        assert isinstance(request, Request)
        self._protocol.send_response(self._protocol.accept(request))
        self._send()

    def _read(self) -> list[Any]:
        received = self._socket.recv(BUFFER_BYTES)
        assert received, "the conversation is over"
        self._protocol.receive_data(received)
        return list(self._protocol.events_received())

    def _send(self) -> None:
        self._socket.sendall(b"".join(self._protocol.data_to_send()))


@contextmanager
def talking() -> Iterator[tuple[OtherSide, Conversation]]:
    with OtherSide() as service, conversation(service.address, Wish(), SOMEBODY, RATE) as talk:
        assert next(service.messages())["type"] == "session.update"
        yield service, talk


def test_nothing_is_lost_while_the_service_reads_nothing_for_a_second() -> None:
    said = [bytes([number]) * 96_000 for number in range(100)]

    def heard_late(service: OtherSide) -> list[bytes]:
        time.sleep(1)
        messages = service.messages()
        return [base64.b64decode(each["audio"]) for _, each in zip(said, messages, strict=False)]

    with talking() as (service, talk), ThreadPoolExecutor(1) as thread:
        heard = thread.submit(heard_late, service)
        for each in said:
            talk.say(each)
        assert heard.result(WAIT_SECONDS) == said
        service.say(HAPPENED)
        assert next(event for event in talk.events() if event) == HAPPENED


def test_nothing_has_happened_where_the_service_only_asks_who_is_there() -> None:
    with talking() as (service, talk):
        service.ping()
        assert list(islice(talk.events(), 3)) == [None] * 3
        answer = next(service.frames())
        assert (answer.opcode, bytes(answer.data)) == (Opcode.PONG, b"there?")


def test_who_leaves_is_not_held_up_by_a_service_that_reads_nothing() -> None:
    with ThreadPoolExecutor(1) as thread:
        with talking() as (service, talk):
            saying = thread.submit(talk.say, bytes(48_000_000))
            service.begins()
            left = time.monotonic()
        assert time.monotonic() - left < 50
        assert isinstance(saying.exception(WAIT_SECONDS), KvxError)


@pytest.mark.needs("openssl")
def test_two_events_of_one_record_of_tls_are_both_told(tmp_path: Path) -> None:
    key, certificate = tmp_path / "key", tmp_path / "certificate"
    new = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"]
    named = ["-subj", "/CN=here", "-addext", "subjectAltName=IP:127.0.0.1"]
    made = [*new, *named, "-keyout", str(key), "-out", str(certificate)]
    subprocess.run(made, check=True, capture_output=True, timeout=WAIT_SECONDS)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    with OtherSide(context) as service:
        url = service.address.replace("http", "wss")
        talk = Conversation(create_connection(url, WAIT_SECONDS, sslopt={"ca_certs": str(certificate)}))
        service.say(HAPPENED, HAPPENED)
        told = (event for event in islice(talk.events(), 50) if event)
        assert list(islice(told, 2)) == [HAPPENED] * 2
        talk.close()

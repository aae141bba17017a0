"""Who wants to be told is told once: mail by a sendmail, a webhook whose signature holds."""

import hashlib
import hmac
import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from kvx.drivers.cost_telling import AGAIN_SECONDS, Listeners, Message, alone, signature, tell
from kvx.errors import ExitCode, KvxError
from kvx.secret import Secret

SECRET = Secret("s3cret")
MESSAGE = Message(1_000, "kvx cost 2026-11: 25.00 of 20\nover the budget", {"line": "over"})


@dataclass(slots=True)
class Hook:
    """A webhook that notes what it was sent, and answers with `status`."""

    address: str = ""
    status: int = 200
    heard: list[tuple[str, bytes]] = field(default_factory=list)


@pytest.fixture
def hook() -> Iterator[Hook]:
    found = Hook()

    class Listening(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            found.heard.append((self.headers["Kvx-Signature"], body))
            self.send_response(found.status)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Listening)
    found.address = f"http://127.0.0.1:{server.server_port}/"
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield found
    server.shutdown()
    server.server_close()


def listeners(
    webhook: str | None = None, mail: Path | None = None, secret: Secret | None = SECRET
) -> Listeners:
    return Listeners("ops@example.com" if mail else None, mail or Path("/nowhere"), webhook, secret)


def test_a_webhook_gets_json_that_is_signed_with_its_time(tmp_path: Path, hook: Hook) -> None:
    assert list(tell(MESSAGE, tmp_path, listeners(hook.address))) == []
    ((sign, body),) = hook.heard
    assert json.loads(body) == {"schema": "kvx/cost-message/v1", "time": 1000, "line": "over"}
    expected = hmac.new(b"s3cret", b"1000." + body, hashlib.sha256).hexdigest()
    assert sign == f"t=1000,v1={expected}"
    assert signature(SECRET, 1001, body) != sign


def test_the_same_is_told_once_a_day_whatever_its_amounts(tmp_path: Path, hook: Hook) -> None:
    for at, words in ((1000, MESSAGE.words), (4600, MESSAGE.words.replace("25.00", "25.10"))):
        list(tell(Message(at, words, {}), tmp_path, listeners(hook.address)))
    assert len(hook.heard) == 1
    list(tell(Message(1000 + AGAIN_SECONDS, MESSAGE.words, {}), tmp_path, listeners(hook.address)))
    list(tell(Message(1001 + AGAIN_SECONDS, "something else", {}), tmp_path, listeners(hook.address)))
    assert len(hook.heard) == 3


@pytest.mark.parametrize(("status", "calls"), [(503, 3), (404, 1)])
def test_a_webhook_that_fails_is_asked_three_times_at_most_and_told_again_later(
    tmp_path: Path, hook: Hook, status: int, calls: int
) -> None:
    hook.status = status
    assert f"HTTP {status}" in next(tell(MESSAGE, tmp_path, listeners(hook.address)))
    assert len(hook.heard) == calls
    hook.status = 200
    assert list(tell(MESSAGE, tmp_path, listeners(hook.address))) == []


@pytest.mark.parametrize(
    ("address", "secret", "words"),
    [("http://hooks.example.com/", SECRET, "https://"), ("https://hooks.example.com/", None, "no key")],
)
def test_an_open_line_or_an_unsigned_message_is_refused(
    tmp_path: Path, address: str, secret: Secret | None, words: str
) -> None:
    with pytest.raises(KvxError, match=words) as refusal:
        list(tell(MESSAGE, tmp_path, listeners(address, secret=secret)))
    assert refusal.value.exit_code is ExitCode.USAGE


def test_sendmail_gets_a_whole_mail(tmp_path: Path) -> None:
    program, mail = tmp_path / "sendmail", tmp_path / "mail"
    program.write_text(f'#!/bin/sh\nprintf "%s " "$@" > {mail}.arguments\ncat > {mail}\n')
    program.chmod(0o755)
    assert list(tell(MESSAGE, tmp_path, listeners(mail=program))) == []
    text = mail.read_text()
    assert "To: ops@example.com" in text
    assert "Subject: kvx cost 2026-11: 25.00 of 20" in text
    assert "over the budget" in text
    assert Path(f"{mail}.arguments").read_text() == "-i -t "


def test_a_sendmail_that_fails_is_told(tmp_path: Path) -> None:
    assert "no mail was sent" in next(tell(MESSAGE, tmp_path, listeners(mail=tmp_path / "none")))
    two = Listeners("a@example.com\nBcc: b@example.com", Path("/bin/true"), None, None)
    assert "no mail was sent" in next(tell(MESSAGE, tmp_path, two))
    refuses = tmp_path / "refuses"
    refuses.write_text("#!/bin/sh\nexit 75\n")
    refuses.chmod(0o755)
    assert "exit code 75" in next(tell(MESSAGE, tmp_path, listeners(mail=refuses)))


def test_no_two_looks_from_cron_run_at_once(tmp_path: Path) -> None:
    with alone(tmp_path), pytest.raises(KvxError, match="is at work") as refusal, alone(tmp_path):
        pass
    assert refusal.value.exit_code is ExitCode.MISSING
    with alone(tmp_path):
        pass

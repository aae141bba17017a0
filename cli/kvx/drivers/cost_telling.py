"""Tells about costs: files written whole, a lock for cron, mail by sendmail, a signed webhook."""

import fcntl
import hashlib
import hmac
import json
import os
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from email.message import EmailMessage
from pathlib import Path
from urllib.parse import urlsplit

import httpx

from kvx.drivers.files import file_errors, replace_file
from kvx.errors import ExitCode, KvxError
from kvx.secret import Secret

MAIL_SECONDS, WEBHOOK_SECONDS = 60.0, 10.0
WEBHOOK_ATTEMPTS = 3
AGAIN_SECONDS = 24 * 3600
SIGNATURE = "Kvx-Signature"
_HERE = ("127.0.0.1", "localhost", "::1")


@dataclass(frozen=True, slots=True)
class Message:
    """What is told at a time: words for people, a document for programs."""

    at: int
    words: str
    document: Mapping[str, object]

    @property
    def digest(self) -> str:
        """Of what is not well, without its amounts: they change with every hour."""
        kept = "".join(each for each in self.words if not each.isdigit())
        return hashlib.sha256(kept.encode()).hexdigest()[:16]


@dataclass(frozen=True, slots=True)
class Listeners:
    """Who wants to be told."""

    mail_to: str | None
    sendmail: Path
    webhook: str | None
    secret: Secret | None


@contextmanager
def alone(folder: Path) -> Iterator[None]:
    """While no other look from cron runs; raises a KvxError (exit code 3) where one does."""
    path = folder / "cron.lock"
    with file_errors(path):
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        handle = os.open(path, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            message = f"another kvx cost report --cron is at work on {folder}"
            raise KvxError(message, "let cron start it less often", ExitCode.MISSING) from None
        yield
    finally:
        os.close(handle)


def write_report(path: Path, content: str, mode: int = 0o600) -> None:
    """Whole or not at all."""
    with file_errors(path):
        path.parent.mkdir(mode=0o700 if mode == 0o600 else 0o755, parents=True, exist_ok=True)
        replace_file(path, content, mode)


def tell(message: Message, folder: Path, listeners: Listeners) -> Iterator[str]:
    """Tell each listener what is new, or has lasted a day; what went wrong in doing so is returned."""
    if listeners.mail_to is None and listeners.webhook is None:
        return
    state = folder / "told.json"
    if _was_told(state, message):
        return
    wrong = [*_mail(message, listeners), *_call(message, listeners)]
    if not wrong:
        write_report(state, json.dumps({"at": message.at, "digest": message.digest}) + "\n")
    yield from wrong


def signature(secret: Secret, at: int, body: bytes) -> str:
    """`t=SECONDS,v1=HEX`: HMAC-SHA256 of the seconds, a dot and the body, so that none can be sent again."""
    digest = hmac.new(secret.reveal().encode(), f"{at}.".encode() + body, hashlib.sha256).hexdigest()
    return f"t={at},v1={digest}"


def _was_told(state: Path, message: Message) -> bool:
    try:
        before = json.loads(state.read_text())
        is_young = 0 <= message.at - int(before["at"]) < AGAIN_SECONDS
        return is_young and str(before["digest"]) == message.digest
    except (OSError, ValueError, KeyError, TypeError):
        return False


def _mail(message: Message, listeners: Listeners) -> Iterator[str]:
    if listeners.mail_to is None:
        return
    command = [str(listeners.sendmail), "-i", "-t"]
    try:
        mail = _written(message, listeners.mail_to)
        subprocess.run(command, input=bytes(mail), timeout=MAIL_SECONDS, check=True, capture_output=True)
    except subprocess.CalledProcessError as error:
        yield f"{listeners.sendmail} refused the mail with exit code {error.returncode}"
    except (OSError, subprocess.TimeoutExpired, ValueError) as error:
        yield f"no mail was sent: {type(error).__name__}: {listeners.sendmail}"


def _written(message: Message, to: str) -> EmailMessage:
    """ValueError where `to` would be more than an address."""
    mail = EmailMessage()
    mail["To"] = to
    mail["Subject"] = message.words.splitlines()[0]
    mail.set_content(message.words)
    return mail


def _call(message: Message, listeners: Listeners) -> Iterator[str]:
    if listeners.webhook is None:
        return
    check_webhook(listeners)
    body = json.dumps({"schema": "kvx/cost-message/v1", "time": message.at, **message.document}).encode()
    assert listeners.secret is not None  # noqa: S101  check_webhook has seen it
    headers = {"Content-Type": "application/json", SIGNATURE: signature(listeners.secret, message.at, body)}
    said = ""
    for _ in range(WEBHOOK_ATTEMPTS):
        try:
            answer = httpx.post(listeners.webhook, content=body, headers=headers, timeout=WEBHOOK_SECONDS)
        except httpx.HTTPError as error:
            said = type(error).__name__
            continue
        if answer.is_success:
            return
        said = f"HTTP {answer.status_code}"
        if answer.status_code < 500:
            break
    yield f"the webhook at {urlsplit(listeners.webhook).netloc} was not told: {said}"


def check_webhook(listeners: Listeners) -> None:
    """Raises a KvxError (exit code 2) for an address without TLS, or without a key to sign with."""
    parts = urlsplit(listeners.webhook or "")
    if parts.scheme != "https" and not (parts.scheme == "http" and parts.hostname in _HERE):
        message = "cost.webhook does not begin with https://"
        raise KvxError(message, "give it an address with TLS in kvx.toml", ExitCode.USAGE)
    if listeners.secret is None:
        message = "cost.webhook is set, and there is no key to sign with"
        raise KvxError(message, "export KVX_COST_WEBHOOK_SECRET=...", ExitCode.USAGE)

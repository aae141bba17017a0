"""Structured log lines on stderr: JSON for programs, short lines for a terminal."""

import io
import logging
import os
import re
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import UTC, datetime
from typing import TextIO
from uuid import uuid4

from pythonjsonlogger.json import JsonFormatter

SANE_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")
PLAIN_ATTRIBUTES = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}
NOISY = {
    "uvicorn.access": logging.WARNING,
    "uvicorn.error": logging.WARNING,  # below it: queries, and headers of WebSockets with keys among them
    "multipart": logging.WARNING,
    "asyncio": logging.WARNING,
}

request_id: ContextVar[str] = ContextVar("request_id", default="-")


def chosen_request_id(offered: str | None) -> str:
    """The caller's id where it is short and harmless in a log, else one of our own."""
    return offered if offered and SANE_ID.fullmatch(offered) else uuid4().hex


def configure_logs(form: str, level: str) -> None:
    """Send every logger of the process, uvicorn's too, to stderr; form is auto, json or text."""
    stream = _own_stderr()
    wanted = ("text" if stream.isatty() else "json") if form == "auto" else form
    handler = logging.StreamHandler(stream)
    handler.setFormatter(_json_formatter() if wanted == "json" else LineFormatter())
    handler.addFilter(_with_request_id)
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level.upper())
    for name, least in NOISY.items():
        logging.getLogger(name).setLevel(least)


class UtcFormatter(JsonFormatter):
    """JSON lines whose time is RFC 3339 in UTC."""

    def formatTime(self, record: logging.LogRecord, _: str | None = None) -> str:  # noqa: N802  logging's name
        return datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")


class LineFormatter(logging.Formatter):
    """One readable line: time, level, words, then the fields as name=value."""

    def format(self, record: logging.LogRecord) -> str:
        clock = datetime.fromtimestamp(record.created).strftime("%H:%M:%S")
        extras = {name: value for name, value in vars(record).items() if name not in PLAIN_ATTRIBUTES}
        words = " ".join(f"{name}={value}" for name, value in extras.items() if value != "-")
        line = f"{clock} {record.levelname.lower():7} {record.getMessage()} {words}".rstrip()
        return f"{line}\n{self.formatException(record.exc_info)}" if record.exc_info else line


def _json_formatter() -> logging.Formatter:
    renamed = {"asctime": "time", "levelname": "level", "name": "logger"}
    return UtcFormatter("%(asctime)s %(levelname)s %(name)s %(message)s", rename_fields=renamed)


def _with_request_id(record: logging.LogRecord) -> bool:
    record.request_id = request_id.get()
    vars(record).pop("color_message", None)  # uvicorn says everything twice
    return True


def _own_stderr() -> TextIO:
    """A stderr of ours alone, so that silencing a C library's stderr silences no log line."""
    try:
        descriptor = os.dup(sys.stderr.fileno())
    except (io.UnsupportedOperation, OSError, ValueError):
        return sys.stderr
    return os.fdopen(descriptor, "w", buffering=1, encoding="utf-8", errors="backslashreplace")


class NativeStderr:
    """File descriptor 2, which goes nowhere while anybody wants it so; they do not wait for each other."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._wanting = 0
        self._kept = -1

    def silence(self) -> None:
        with self._lock:
            self._wanting += 1
            if self._wanting == 1:
                self._kept, nowhere = os.dup(2), os.open(os.devnull, os.O_WRONLY)
                os.dup2(nowhere, 2)
                os.close(nowhere)

    def give_back(self) -> None:
        with self._lock:
            self._wanting -= 1
            if not self._wanting:
                os.dup2(self._kept, 2)
                os.close(self._kept)


_native_stderr = NativeStderr()


@contextmanager
def silenced_native_stderr() -> Iterator[None]:
    """Discard what C code prints to file descriptor 2 (mpg123 comments on each damaged frame)."""
    _native_stderr.silence()
    try:
        yield
    finally:
        _native_stderr.give_back()

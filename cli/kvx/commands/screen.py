"""Chooses how a run is told: JSON on stdout, live on a terminal, plain lines elsewhere."""

import select
import sys

from kvx.report import JsonLines, Lines, Live, Report
from kvx.settings.load import dumb_terminal

_SLICE_SECONDS = 0.2


def report_for(schema: str | None) -> Report:
    """The report of a command; `schema` asks for JSON lines."""
    if schema:
        return JsonLines(sys.stdout, schema)
    if sys.stderr.isatty() and not dumb_terminal():
        return Live(sys.stderr)
    return Lines(sys.stderr)


def asked(question: str) -> bool:
    """The answer of the person at the terminal; anything but yes is a no."""
    return typed_in(f"{question} [y/N]").lower() in {"y", "yes"}


def typed_in(question: str) -> str:
    """What the person at the terminal types, without the space around it."""
    answer = ""
    try:
        print(f"{question} ", end="", file=sys.stderr, flush=True)
        answer = _line()
    finally:
        if not answer:  # Ctrl-C or Ctrl-D: what is said next begins on its own line
            print(file=sys.stderr)
    return answer.strip()


def _line() -> str:
    """Waits in slices: a Ctrl-C that comes just before a read would not end the read."""
    while not select.select([sys.stdin], [], [], _SLICE_SECONDS)[0]:
        pass
    return sys.stdin.readline()

"""The one place where Hetzner's English words are read, because it gives no code there."""

import re

# Beginnings of sentences, in small letters, and the code they would deserve. Sources: kube-hetzner #1157 (a
# full group comes as service_error), community-content #933, hetzner-k3s #704 and #204, provider #531.
WORDS: tuple[tuple[str, str], ...] = (
    ("contains already 10 servers", "placement_group_full"),
    ("server limit exceeded", "resource_limit_exceeded"),
    ("limit exceeded", "resource_limit_exceeded"),
    ("error during placement", "placement_error"),
    ("server location disabled", "resource_unavailable"),
    ("unable to provision servers for this location", "resource_unavailable"),
)
# Codes that say nothing or can say the wrong thing; every other code is believed as it is.
VAGUE = frozenset({"service_error", "server_error", "unknown_error", "unavailable", "forbidden", ""})

# hcloud-go writes `message (code, correlation id)`; the provider adds `Error code:` and `Status code:`.
_BRACKETS = re.compile(
    r"^(?P<message>.*) \((?P<code>[a-z][a-z0-9_]+)(?:, (?P<trace>[^()\s]+))?\)", re.MULTILINE
)
_ERROR_CODE = re.compile(r"^Error code: (?P<code>[a-z][a-z0-9_]+)$", re.MULTILINE)
_STATUS_CODE = re.compile(r"^Status code: (?P<status>\d{3})$", re.MULTILINE)


def code_of_words(code: str, message: str) -> str:
    """The code itself, or for a vague or unknown one the code that the words deserve."""
    said = message.lower()
    found = next((deserved for words, deserved in WORDS if words in said), code)
    return found if code in VAGUE or "_" not in code else code


def parts_of(text: str) -> tuple[str, str, int | None, str] | None:
    """Code, message, HTTP status and correlation id in an error of the provider; None for other errors."""
    bracket, named = _BRACKETS.search(text), _ERROR_CODE.search(text)
    if not bracket and not named:
        return None
    status = _STATUS_CODE.search(text)
    code = named["code"] if named else bracket["code"] if bracket else ""
    message = bracket["message"].strip() if bracket else _first_words(text)
    trace = (bracket["trace"] or "") if bracket else ""
    return code, message, int(status["status"]) if status else None, trace


def _first_words(text: str) -> str:
    """Of a failed action: the line above `Error code:` that says something."""
    before = text.partition("Error code:")[0].splitlines()
    return next((line.strip() for line in reversed(before) if line.strip()), "")

"""Labels and label selectors.

Rules: public documentation, "Labels" and "Label Selector". Where that leaves it open (does `k!=v` match what
has no k?), the answer is Kubernetes', whose grammar it is: yes, and so does `k notin (v)`.
"""

import re
from collections.abc import Callable, Mapping

from kvx_rehearsal.refusals import invalid

NAME = r"[A-Za-z0-9](?:[-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?"
KEY = re.compile(rf"(?:(?P<prefix>[a-z0-9](?:[-a-z0-9.]{{0,251}}[a-z0-9])?)/)?{NAME}")
VALUE = re.compile(rf"(?:{NAME})?")
RESERVED = "hetzner.cloud"
TERM = re.compile(
    r"\s*(?:!\s*(?P<absent>[^\s,=!()]+)"
    r"|(?P<key>[^\s,=!()]+)\s*(?:(?P<operator>==|!=|=)\s*(?P<value>[^\s,=!()]*)"
    r"|\s(?P<set>in|notin)\s*\((?P<values>[^()]*)\))?)\s*"
)

Labels = Mapping[str, str]
Selector = Callable[[Labels], bool]


def checked(labels: object) -> dict[str, str]:
    """The labels as they may be stored; invalid_input otherwise."""
    if labels is None:
        return {}
    if not isinstance(labels, dict):
        raise invalid("labels", "must be an object of strings")
    for key, value in labels.items():
        _check(key, value)
    return dict(labels)


def _check(key: str, value: object) -> None:
    match = KEY.fullmatch(key)
    if match is None:
        raise invalid("labels", f"label key '{key}' is not correctly formatted")
    if (match["prefix"] or "").endswith(RESERVED):
        raise invalid("labels", f"label key '{key}' uses the reserved prefix {RESERVED}/")
    if not isinstance(value, str) or VALUE.fullmatch(value) is None:
        raise invalid("labels", f"label value '{value}' is not correctly formatted")


def selector(text: str) -> Selector:
    """What a selector matches; invalid_input if it cannot be read. An empty one matches everything."""
    terms = [_term(part) for part in _parts(text)] if text.strip() else []
    return lambda labels: all(term(labels) for term in terms)


def _parts(text: str) -> list[str]:
    return re.split(r",(?![^()]*\))", text)


def _term(text: str) -> Selector:
    match = TERM.fullmatch(text)
    if match is None:
        raise invalid("label_selector", f"'{text}' is not a selector")
    key = _key(match["absent"] or match["key"])
    if match["absent"]:
        return lambda labels: key not in labels
    if match["set"]:
        return _one_of(key, match["values"], wanted=match["set"] == "in")
    if match["operator"]:
        return _one_of(key, match["value"], wanted=match["operator"] != "!=")
    return lambda labels: key in labels


def _one_of(key: str, text: str, *, wanted: bool) -> Selector:
    values = {value.strip() for value in text.split(",")}
    for value in values:
        if VALUE.fullmatch(value) is None:
            raise invalid("label_selector", f"'{value}' is not a label value")
    return lambda labels: (labels.get(key) in values) is wanted


def _key(text: str) -> str:
    if KEY.fullmatch(text) is None:
        raise invalid("label_selector", f"'{text}' is not a label key")
    return text

"""The chain of the journal: each record carries the seal of the one before it. Pure."""

import hashlib
import hmac
import json
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

START = "0" * 64
CHAIN_FIELDS = frozenset({"number", "before", "seal"})


@dataclass(frozen=True, slots=True)
class Head:
    """The end of a chain: how many records there are, and the seal of the last.

    Published elsewhere it is a checkpoint: a chain that was cut, or made anew, does not lead to it.
    """

    number: int = 0
    seal: str = START


@dataclass(frozen=True, slots=True)
class Broken:
    """The first line that does not belong where it is; lines count from 1."""

    line: int
    why: str


Verdict: TypeAlias = Head | Broken


def sealed(head: Head, record: Mapping[str, Any], key: bytes) -> tuple[str, Head]:
    """The next line of the journal, without its end of line, and the head it makes."""
    if CHAIN_FIELDS & record.keys():
        raise ValueError(f"a record has no {', '.join(sorted(CHAIN_FIELDS))} of its own")
    body = {**record, "number": head.number + 1, "before": head.seal}
    seal = _seal(head.seal, body, key)
    return _canonical({**body, "seal": seal}), Head(head.number + 1, seal)


def verified(
    lines: Iterable[str], key: bytes, start: Head | None = None, checkpoints: Collection[Head] = ()
) -> Verdict:
    """The head these lines lead to, or the first that is wrong.

    start        the head the lines go on from, where they are not the first ones
    checkpoints  heads that were published: the chain has to lead through all of them
    """
    head = start or Head()
    missing = set(checkpoints) - {head, Head()}
    count = 0
    for count, line in enumerate(lines, start=1):
        follows = _follows(head, line, key)
        if isinstance(follows, str):
            return Broken(count, follows)
        head = follows
        missing.discard(head)
    if not missing:
        return head
    first = min(missing, key=lambda each: each.number)
    return Broken(
        count + 1, f"the chain does not lead through the checkpoint {first.number}:{first.seal[:8]}"
    )


def record_of(line: str) -> dict[str, Any]:
    """What a line says, without what chains it."""
    content: dict[str, Any] = json.loads(line)
    return {name: value for name, value in content.items() if name not in CHAIN_FIELDS}


def head_of(line: str) -> Head:
    """The head that this line makes, taken at its word."""
    content = json.loads(line)
    return Head(int(content["number"]), str(content["seal"]))


def _follows(head: Head, line: str, key: bytes) -> Head | str:
    """The head after `line`, or why it does not follow."""
    try:
        content = json.loads(line)
    except ValueError:
        return "it is no record"
    if not isinstance(content, dict) or not content.keys() >= CHAIN_FIELDS:
        return "it is no record"
    if (content["number"], content["before"]) != (head.number + 1, head.seal):
        return "it does not follow the record before it"
    seal = str(content.pop("seal"))
    if not hmac.compare_digest(seal, _seal(head.seal, content, key)):
        return "it was changed"
    if _canonical({**content, "seal": seal}) != line:
        return "it is not written as the journal writes"
    return Head(content["number"], seal)


def _seal(before: str, body: Mapping[str, Any], key: bytes) -> str:
    return hmac.new(key, f"{before}\n{_canonical(body)}".encode(), hashlib.sha256).hexdigest()


def _canonical(record: Mapping[str, Any]) -> str:
    """One line of plain ASCII, the same for the same record."""
    return json.dumps(record, sort_keys=True, separators=(",", ":"), ensure_ascii=True, allow_nan=False)

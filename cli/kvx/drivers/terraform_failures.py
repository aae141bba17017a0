"""What to do about Terraform's failures: again, elsewhere, adopt, or tell. Hetzner's codes decide."""

import re
from dataclasses import dataclass
from typing import Literal, get_args

from kvx.drivers.terraform_running import Ended
from kvx.drivers.terraform_stream import Failure
from kvx.errors import ExitCode, KvxError
from kvx.machines.refusal_words import parts_of
from kvx.machines.refusals import Refusal, refusal_of

Kind = Literal["disk", "permanent", "locked", "quota", "taken", "capacity", "stale", "lost", "transient"]
# One permanent failure is enough to stop, whatever else could be tried again.
_ORDER = get_args(Kind)

# The one place where Terraform's and Go's English is read: they give no codes.
_STALE = re.compile(r"^Saved plan is stale")
_STATE_LOCKED = re.compile(r"^Error acquiring the state lock")
_LOCK_FIELD = re.compile(r"^\s*(ID|Who):\s+(\S+)", re.MULTILINE)
_DISK_FULL = re.compile(r"no space left on device|disk quota exceeded")
_GONE_MEANWHILE = re.compile(r"Cannot import non-existent remote object")
_UNREACHED = re.compile(
    r"connection (refused|reset|timed out)|i/o timeout|unexpected EOF|: EOF\b|no such host|"
    r"TLS handshake timeout|context deadline exceeded|Client\.Timeout|broken pipe|network is unreachable|"
    r"server misbehaving|temporary failure in name resolution|retry limit",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Lock:
    """The lock of a state: its id, and USER@MACHINE that took it."""

    id: str
    who: str


@dataclass(frozen=True, slots=True)
class Trouble:
    """A failure, understood; `address` is the resource it happened to."""

    kind: Kind
    error: KvxError
    address: str | None = None
    lock: Lock | None = None


def troubles_of(ended: Ended) -> tuple[Trouble, ...]:
    """All that went wrong in a terraform that failed, the worst first; at least one."""
    failures = ended.failures or (Failure(f"it ended with code {ended.code}", "\n".join(ended.last_lines)),)
    troubles = (_trouble_of(failure, ended) for failure in failures)
    return tuple(sorted(troubles, key=lambda trouble: _ORDER.index(trouble.kind)))


def _trouble_of(failure: Failure, ended: Ended) -> Trouble:
    text = failure.text
    if _DISK_FULL.search(text):
        fix = "free some space (see df -h), then run the same command again: it goes on from here"
        return Trouble("disk", KvxError("the disk became full while Terraform worked", fix))
    if _STALE.search(text) or _GONE_MEANWHILE.search(text):
        fix = "run the same command again"
        error = KvxError("what the plan was made of changed meanwhile", fix, ExitCode.INCOMPLETE)
        return Trouble("stale", error)
    if _STATE_LOCKED.search(text):
        return _locked(text)
    parts = parts_of(text)
    return _refused(refusal_of(*parts), failure) if parts else _unrefused(failure, ended)


def _unrefused(failure: Failure, ended: Ended) -> Trouble:
    """Hetzner did not answer, or Terraform itself failed."""
    text = failure.text
    if _UNREACHED.search(text):
        fix = "look at https://status.hetzner.com and at your own connection, then run it again"
        return Trouble("lost", KvxError(f"Hetzner cannot be reached: {_line(text)}", fix), failure.address)
    return Trouble(
        "permanent", KvxError(f"Terraform failed: {_line(text)}", f"less {ended.log}"), failure.address
    )


def _refused(refusal: Refusal, failure: Failure) -> Trouble:
    kind: Kind = "transient" if refusal.kind == "already" else refusal.kind
    return Trouble(kind, refusal.as_error(_doing(failure)), failure.address)


def _doing(failure: Failure) -> str:
    return f"make or change {failure.address}" if failure.address else ""


def _locked(text: str) -> Trouble:
    found = dict(_LOCK_FIELD.findall(text))
    who, lock_id = found.get("Who", "somebody"), found.get("ID", "ID")
    message = f"the state is locked by {who}: its terraform works with it, or was killed"
    fix = f"wait for it; if nobody works with it: terraform force-unlock {lock_id}"
    return Trouble("locked", KvxError(message, fix, ExitCode.MISSING), lock=Lock(lock_id, who))


def _line(text: str) -> str:
    """A failure in one line, shortened."""
    line = " ".join(text.split())
    return line if len(line) <= 400 else f"{line[:400]}..."

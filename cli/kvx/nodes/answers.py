"""What a node answered to a command: its exit code and what it printed, or why it was not reached."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from kvx.nodes.inventory import Host

# Of coreutils' timeout, by which every command is bounded on its node.
ENDED_BY_TIMEOUT = 124


@dataclass(frozen=True, slots=True)
class Answer:
    """Of one node; `code` is None where it was not reached or did not answer, and `wrong` says why."""

    node: str
    code: int | None
    stdout: str = ""
    stderr: str = ""
    wrong: str | None = None

    @property
    def good(self) -> bool:
        return self.code == 0


def answer_from(host: Host, result: Mapping[str, Any] | None, timeout_seconds: float) -> Answer:
    """From what Ansible's module `command` returned there; None for nothing at all in time."""
    if result is None:
        return Answer(host.name, None, wrong="it did not answer in time")
    if result.get("unreachable"):
        return Answer(host.name, None, wrong=_one_line(result.get("msg")) or "it was not reached")
    if not isinstance(code := result.get("rc"), int):
        return Answer(host.name, None, wrong=_one_line(result.get("msg")) or "Ansible gave no exit code")
    stdout, stderr = str(result.get("stdout") or ""), str(result.get("stderr") or "")
    if code == ENDED_BY_TIMEOUT:
        wrong = f"it did not end within {timeout_seconds:g} s"
        return Answer(host.name, code, stdout, stderr, wrong)
    if code and not stdout and not stderr:  # the module itself failed, and says so elsewhere
        stderr = str(result.get("module_stderr") or result.get("msg") or "")
    return Answer(host.name, code, stdout, stderr)


def _one_line(text: object) -> str:
    return " ".join(str(text or "").split())

"""What Ansible tells while it runs: each event as words for people, all of them as results."""

import json
from collections.abc import Iterable, Mapping
from difflib import unified_diff
from typing import Any

from kvx.drivers.ansible_play import Change, Failure, HostResult
from kvx.drivers.ssh_failures import last_words

Event = Mapping[str, Any]

_LONGEST_WORDS = 600
_COUNTS = {
    "ok": "ok",
    "changed": "changed",
    "failures": "failed",
    "dark": "unreachable",
    "skipped": "skipped",
}


class Heard:
    """What was heard of one run until now."""

    def __init__(self, answers_of: str = "") -> None:
        self.answers: dict[str, Event] = {}
        """By host what the task of that name came to, that it was not reached included."""
        self._answers_of = answers_of
        self.changes: list[Change] = []
        self.failures: list[Failure] = []
        self.hosts: dict[str, HostResult] | None = None
        """None until the run has come to its end by itself."""
        self._retried: set[tuple[str, str]] = set()
        self._secret: set[tuple[str, str]] = set()

    def hear(self, event: Event) -> str | None:
        """Take it in; the line it is worth, None for what is merely all right."""
        data = event.get("event_data") or {}
        if self._answers_of and data.get("task") == self._answers_of and "res" in data:
            self.answers[str(data.get("host"))] = _result(data)
        match event.get("event"):
            case "playbook_on_play_start":
                return str(data.get("name") or data.get("play") or "") or None
            case "runner_on_ok" | "runner_item_on_ok" if _has_changed(event):
                return self._hear_change(data)
            case "runner_on_failed" if not data.get("ignore_errors"):
                return self._hear_failure(data, unreachable=False)
            case "runner_on_unreachable":
                return self._hear_failure(data, unreachable=True)
            case "runner_retry":
                return self._hear_retry(data)
            case "playbook_on_stats":
                self.hosts = _results(data)
        return None

    @property
    def final_failures(self) -> tuple[Failure, ...]:
        """The last one of each host that did not come through: one that was rescued is none."""
        last = {failure.host: failure for failure in self.failures}
        if self.hosts is None:
            return tuple(last.values())
        return tuple(each for each in last.values() if not self.hosts.get(each.host, HostResult()).good)

    def _hear_change(self, data: Event) -> str | None:
        """A secret one once for each task, whose items tell it one by one."""
        if "censored" in _result(data):
            which = (data.get("host", ""), data.get("task_uuid", ""))
            if which in self._secret:
                return None
            self._secret.add(which)
        change = Change(data.get("host", ""), _role(data), _task(data), _diff(_result(data)))
        self.changes.append(change)
        return f"{_head(change)}: changed"

    def _hear_failure(self, data: Event, *, unreachable: bool) -> str:
        words = str(_result(data).get("msg", "")) if unreachable else _words(_result(data))
        failure = Failure(data.get("host", ""), _role(data), _task(data), words, unreachable)
        self.failures.append(failure)
        if unreachable:
            return f"{failure.host}: not reached: {last_words(words)}"
        return f"{_head(failure)}: failed: {words}"

    def _hear_retry(self, data: Event) -> str | None:
        which = (data.get("host", ""), data.get("task_uuid", ""))
        if which in self._retried:
            return None
        self._retried.add(which)
        return f"{_head(Change(which[0], _role(data), _task(data)))}: not yet, asked again"


def _has_changed(event: Event) -> bool:
    """Of a task with no_log ansible_runner hides all but what Ansible has printed: `changed: [HOST]`."""
    result = _result(event.get("event_data") or {})
    if "censored" in result:
        return str(event.get("stdout", "")).lstrip().startswith("changed: [")
    return event.get("event") == "runner_on_ok" and bool(result.get("changed"))


def _head(about: Change | Failure) -> str:
    return f"{about.host}: {about.task} ({about.role})" if about.role else f"{about.host}: {about.task}"


def _result(data: Event) -> Event:
    found = data.get("res")
    return found if isinstance(found, dict) else {}


def _task(data: Event) -> str:
    """The name of the task, or its module where it has none."""
    return str(data.get("task") or data.get("task_action") or "a task")


def _role(data: Event) -> str:
    return str(data.get("role") or "")


def _results(data: Event) -> dict[str, HostResult]:
    hosts = sorted({host for name in (*_COUNTS, "processed") for host in data.get(name, {})})
    return {
        host: HostResult(**{ours: data.get(theirs, {}).get(host, 0) for theirs, ours in _COUNTS.items()})
        for host in hosts
    }


def _words(result: Event) -> str:
    """What went wrong: of a loop, what did in its items."""
    items = [item for item in result.get("results") or () if isinstance(item, dict) and item.get("failed")]
    said = [_words_of_one(item) for item in items] or [_words_of_one(result)]
    return "; ".join(dict.fromkeys(said))[:_LONGEST_WORDS]


def _words_of_one(result: Event) -> str:
    """The message, and where that says nothing the end of what the program said."""
    message = " ".join(str(result.get("msg") or "").split())
    talk = str(result.get("stderr") or result.get("module_stderr") or result.get("stdout") or "")
    last = next((line.strip() for line in reversed(talk.splitlines()) if line.strip()), "")
    message = message.removeprefix("Task failed: ").removeprefix("Module failed: ")
    if last and last not in message and (not message or message.startswith(_SAYING_NOTHING)):
        return f"{message}: {last}" if message else last
    about = next((str(result[name]) for name in ("path", "cmd") if result.get(name)), "")
    return f"{message or 'it does not say why'}{f' ({about})' if about and about not in message else ''}"


# Messages of Ansible's own that only say that there is more to read elsewhere.
_SAYING_NOTHING = ("non-zero return code", "MODULE FAILURE", "Module result deserialization failed")


def _diff(result: Event) -> str:
    """The differences that the task tells, as text."""
    parts = [result, *(item for item in result.get("results") or () if isinstance(item, dict))]
    told = [each for part in parts for each in _as_list(part.get("diff"))]
    return "\n".join(filter(None, map(_difference, told)))


def _as_list(diff: object) -> Iterable[Event]:
    found = diff if isinstance(diff, list) else [diff]
    return [each for each in found if isinstance(each, dict)]


def _difference(diff: Event) -> str:
    if diff.get("prepared"):
        return str(diff["prepared"]).rstrip("\n")
    before, after = _lines(diff.get("before")), _lines(diff.get("after"))
    heads = (str(diff.get("before_header") or "before"), str(diff.get("after_header") or "after"))
    return "\n".join(unified_diff(before, after, *heads, lineterm=""))


def _lines(side: object) -> list[str]:
    text = side if isinstance(side, str) else "" if side is None else json.dumps(side, indent=2)
    return text.splitlines()

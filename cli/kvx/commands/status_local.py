"""How the voice API on this machine is, in lines for a person, and what is wrong with it."""

from collections.abc import Iterator, Mapping
from typing import Any

from kvx.commands.usage_lines import in_a_line
from kvx.errors import ExitCode, KvxError


def whats_wrong(found: Mapping[str, Any] | None) -> KvxError | None:
    if found is None:
        return KvxError("no voice API is deployed here", "kvx deploy", ExitCode.MISSING)
    if found["pid"] is None:
        words = f"the voice API does not run: {found['reason'] or found['state']}"
        return KvxError(words, f"kvx deploy; its log is {found['log']}", ExitCode.MISSING)
    return None


def lines_of(target: str, found: Mapping[str, Any]) -> tuple[str, ...]:
    """The state of the service, a line for each thing worth knowing."""
    return tuple(f"{name:<10}{words}" for name, words in _rows(target, found) if words)


def _rows(target: str, found: Mapping[str, Any]) -> Iterator[tuple[str, str | None]]:
    yield "target", target
    yield "state", _state(found)
    yield "reason", found["reason"]
    if found["pid"] is None:
        yield "log", found["log"]
        return
    yield "address", found["address"]
    yield "figures", found["metrics_address"]
    yield "version", found["version"]
    yield "engine", _engine(found)
    yield "cluster", _cluster(found["cluster"])
    yield (
        "process",
        f"{found['pid']}, up {_duration(found['uptime_seconds'])}, {_restarts(found['restarts'])}",
    )
    yield "memory", _memory(found["memory"])
    yield "requests", _requests(found["figures"])
    yield "budget", _budget(found["budget"])
    yield "log", found["log"]


def _budget(budget: Mapping[str, Any]) -> str | None:
    return in_a_line(budget["usage"]) if budget["usage"] else f"unknown: {budget['note']}"


def _state(found: Mapping[str, Any]) -> str:
    if found["pid"] is None:
        return str(found["state"])
    if found["ready"]:
        return "ready"
    return f"not ready: {found['not_ready_because']}"


def _engine(found: Mapping[str, Any]) -> str | None:
    engine = found["engine"] or {}
    model = f"model {found['model']}"
    return f"{model}, hears with {engine['listener']}, speaks with {engine['speaker']}" if engine else model


def _cluster(cluster: Mapping[str, Any] | None) -> str | None:
    if not cluster:
        return None
    return f"{cluster['name']}, kept in memory: not a real one" if cluster["demo"] else str(cluster["name"])


def _restarts(count: int) -> str:
    return {0: "never restarted", 1: "restarted once"}.get(count, f"restarted {count} times")


def _duration(seconds: float) -> str:
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    days, hours = divmod(hours, 24)
    parts = [(days, "d"), (hours, "h"), (minutes, "min"), (rest, "s")]
    shown = [f"{number} {unit}" for number, unit in parts if number][:2]
    return " ".join(shown) or "0 s"


def _memory(memory: Mapping[str, int | None]) -> str:
    service, supervisor = memory["service_bytes"], memory["supervisor_bytes"]
    parts = [(service, "voice API"), (supervisor, "supervisor")]
    return ", ".join(f"{size / 1e6:.0f} MB {name}" for size, name in parts if size)


def _requests(figures: Mapping[str, float | None]) -> str | None:
    if figures["requests"] is None:
        return None
    heard, spoken = figures["heard_seconds"] or 0, figures["spoken_seconds"] or 0
    return f"{figures['requests']:.0f}, heard {heard:.1f} s of sound, spoke {spoken:.1f} s"

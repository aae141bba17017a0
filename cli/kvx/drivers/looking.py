"""How a deployed voice API is: what its supervisor says, what it says itself, and its figures."""

import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import psutil

from kvx.drivers import voice_api
from kvx.drivers.process import running_state
from kvx.errors import KvxError
from kvx.supervisor.records import Failure, State, log_file, read_state

_ANSWER_SECONDS = 3.0


def look(folder: Path) -> dict[str, object] | None:
    """Everything `kvx status` shows, under the keys of its JSON; None when nothing is deployed."""
    state = running_state(folder)
    last = state or read_state(folder)
    if last is None or (state is None and last.phase == "stopped"):
        return None
    said = _health(state)
    return {
        "state": state.phase if state else "failed",
        "reason": _reason(state, last),
        **_identity(state, last),
        **_answers(state, said),
        "memory": _memory(state),
        "figures": _figures(state, said),
        "budget": _budget(state),
        "log": str(log_file(folder)),
    }


def _reason(state: State | None, last: State) -> str | None:
    """Why it is not as wished: the last failure, or that its supervisor is gone."""
    if last.failed:
        return _told(last.failed)
    return None if state else "its supervisor was ended from outside"


def _told(failure: Failure) -> str:
    said = [line.removeprefix("voice-api: ") for line in failure.lines if line.startswith("voice-api: ")]
    return f"{failure.message}: {said[-1]}" if said else failure.message


def _identity(state: State | None, last: State) -> dict[str, object]:
    serving = state.serving if state else None
    return {
        "version": serving.version if serving else None,
        "model": serving.model if serving else None,
        "generation": serving.generation if serving else None,
        "address": voice_api.address_of(state) if serving and state else None,
        "metrics_address": voice_api.metrics_address_of(state) if serving and state else None,
        "port": last.port,
        "metrics_port": last.metrics_port,
        "pid": serving.process.pid if serving else None,
        "supervisor_pid": state.supervisor.pid if state else None,
        "uptime_seconds": round(time.time() - serving.since, 1) if serving else None,
        "restarts": last.restarts,
    }


def _health(state: State | None) -> Mapping[str, Any]:
    """What it says over HTTP; empty when it says nothing."""
    if state is None or state.serving is None:
        return {}
    try:
        return voice_api.health(voice_api.address_of(state), _ANSWER_SECONDS)
    except KvxError as error:
        return {"error": error.message}


def _answers(state: State | None, said: Mapping[str, Any]) -> dict[str, object]:
    because = said.get("error")
    if state and "status" in said:
        because = voice_api.why_not_ready(voice_api.address_of(state), _ANSWER_SECONDS)
    return {
        "healthy": "status" in said,
        "ready": "status" in said and because is None,
        "not_ready_because": because,
        "engine": said.get("engine"),
        "cluster": said.get("cluster"),
    }


def _budget(state: State | None) -> dict[str, object]:
    """What is left of all engines together, the least of each unit; `usage` is all that it told."""
    told: Mapping[str, Any] | None = None
    if state and state.serving:
        try:
            told = voice_api.usage(voice_api.address_of(state), None, _ANSWER_SECONDS)
        except KvxError as error:
            return {"seconds_left": None, "requests_left": None, "note": error.message, "usage": None}
    left = {unit: _least(told, unit) for unit in ("milliseconds", "requests")}
    seconds = None if left["milliseconds"] is None else left["milliseconds"] // 1000
    return {"seconds_left": seconds, "requests_left": left["requests"], "note": None, "usage": told}


def _least(told: Mapping[str, Any] | None, unit: str) -> int | None:
    budgets = told["budgets"] if told else ()
    return min((int(each["left"]) for each in budgets if each["unit"] == unit), default=None)


def _memory(state: State | None) -> dict[str, int | None]:
    serving = state.serving if state else None
    return {
        "service_bytes": _resident(serving.process.pid if serving else None),
        "supervisor_bytes": _resident(state.supervisor.pid if state else None),
    }


def _resident(pid: int | None) -> int | None:
    try:
        return int(psutil.Process(pid).memory_info().rss) if pid else None
    except psutil.Error:
        return None


def _figures(state: State | None, said: Mapping[str, Any]) -> dict[str, float | None]:
    found: Mapping[str, Any] = {}
    if state and state.serving:
        try:
            found = voice_api.figures(voice_api.metrics_address_of(state), _ANSWER_SECONDS)
        except KvxError:
            found = {}
    return {
        "requests": (said.get("requests") or {}).get("answered"),
        "requests_refused": found.get("kvx_voice_rejected_total"),
        "commands": found.get("kvx_voice_commands_total"),
        "heard_seconds": found.get("kvx_voice_audio_heard_seconds_total"),
        "spoken_seconds": found.get("kvx_voice_audio_spoken_seconds_total"),
    }

"""How much of a decoding is spent within onnxruntime: the rest is the decode loop's own."""

import time
from types import TracebackType
from typing import Any, Self

from voice_api.speech.runtime import onnxruntime

RUNS = ("run", "run_with_ort_values", "run_with_iobinding")


class SessionClock:
    """Puts timed sessions in the place of the real ones for as long as its block lasts."""

    def __init__(self) -> None:
        self.runs_ms: list[float] = []
        self._places: list[tuple[Any, str, Any]] = []

    def watch(self, holder: Any, name: str) -> None:
        self._places.append((holder, name, getattr(holder, name)))

    def __enter__(self) -> Self:
        for holder, name, session in self._places:
            setattr(holder, name, TimedSession(session, self.runs_ms))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for holder, name, session in self._places:
            setattr(holder, name, session)


class TimedSession:
    """A session that notes how long each of its runs took; else the session it stands for."""

    def __init__(self, session: Any, runs_ms: list[float]) -> None:
        self._session = session
        self._runs_ms = runs_ms

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._session, name)
        return self._timed(found) if name in RUNS else found

    def _timed(self, run: Any) -> Any:
        def timed_run(*arguments: Any, **named: Any) -> Any:
            started = time.perf_counter()
            try:
                return run(*arguments, **named)
            finally:
                self._runs_ms.append((time.perf_counter() - started) * 1e3)

        return timed_run


def time_sessions(decoder: Any) -> SessionClock:
    """A clock for the sessions that a decoder holds, itself or in its graphs."""
    clock = SessionClock()
    holders = {id(holder): holder for holder in (decoder, *_attributes(decoder).values())}
    for holder in holders.values():
        for name, value in _attributes(holder).items():
            if isinstance(value, onnxruntime.InferenceSession):
                clock.watch(holder, name)
    return clock


def _attributes(holder: Any) -> dict[str, Any]:
    slots = [name for name in getattr(type(holder), "__slots__", ()) if hasattr(holder, name)]
    return {**getattr(holder, "__dict__", {}), **{name: getattr(holder, name) for name in slots}}

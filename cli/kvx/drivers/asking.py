"""Asks several things at once; what does not come in time is given up, and the rest is told."""

import threading
from collections.abc import Callable, Mapping
from queue import Empty, SimpleQueue

from kvx.errors import ExitCode, KvxError
from kvx.world import World

Answer = object
Question = Callable[[], Answer]


def ask(questions: Mapping[str, Question], seconds: float, world: World) -> dict[str, Answer | KvxError]:
    """What came of each question within that time: its answer, or the error that says why there is none.

    A question that hangs is left to itself: its thread ends with kvx.
    """
    came: SimpleQueue[tuple[str, Answer | KvxError | BaseException]] = SimpleQueue()
    for name, question in questions.items():
        threading.Thread(target=_answer, args=(name, question, came), daemon=True).start()
    found: dict[str, Answer | KvxError] = {}
    end = world.monotonic() + seconds
    while len(found) < len(questions):
        try:
            name, answer = came.get(timeout=max(end - world.monotonic(), 0.001))
        except Empty:
            break
        if isinstance(answer, BaseException) and not isinstance(answer, KvxError):
            raise answer  # a bug, which is nobody's expected failure
        found[name] = answer
    return {name: found.get(name, _late(seconds)) for name in questions}


def _answer(name: str, question: Question, came: "SimpleQueue[tuple[str, object]]") -> None:
    try:
        came.put((name, question()))
    except BaseException as error:  # noqa: BLE001  raised again by who asked
        came.put((name, error))


def _late(seconds: float) -> KvxError:
    return KvxError(f"no answer within {seconds:.1f} s", "run it again", ExitCode.INCOMPLETE)

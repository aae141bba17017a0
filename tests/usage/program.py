"""What the tests of the ledger start as programs of their own: askers that race, and one that is killed.

program.py race DATABASE NAME COUNT NOW    COUNT threads ask for one unit each once a line comes on stdin
program.py kill DATABASE CALLS ROUNDS      each round is a process that kills itself at one of the hooks
program.py streams DATABASE CALLS ROUNDS   the same with a stream of several slices, at each of its moments
"""

import os
import signal
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from itertools import count
from pathlib import Path
from random import Random
from zoneinfo import ZoneInfo

from sqlalchemy import Engine, event

from voice_api.usage.amounts import Amounts, Unit
from voice_api.usage.budgets import Budget
from voice_api.usage.entries import Ask
from voice_api.usage.ledger import Granted, Ledger
from voice_api.usage.slices import SlicedStream
from voice_api.usage.store import SqlStore, postgresql_engine, sqlite_engine
from voice_api.usage.windows import Month

MONTH = Month(1, ZoneInfo("UTC"))
LIVES_MS = 600_000
HELD_MS = 1_000
PIECE_MS, PIECES = 400, 6
MOMENTS = 15
"""Of a stream: eight commits (one of the tables, one or two for each of three slices, one of its end), six
pieces of sound, and the moment after all of them."""

HOOKS = (
    *("before reserve", "in reserve", "after reserve", "in send", "after send"),
    *("during the call", "after the answer", "in settle", "after settle", "nowhere"),
)


def now() -> int:
    return time.time_ns() // 1_000_000


def engine_of(database: str) -> Engine:
    if database.startswith("postgresql"):
        return postgresql_engine(database, 60)
    return sqlite_engine(Path(database), 60)


def characters(most: int) -> Callable[[str, str], tuple[Budget, ...]]:
    return lambda engine, _: (Budget(Unit.CHARACTERS, most, MONTH, engine),)


def milliseconds(engine: str, _: str) -> tuple[Budget, ...]:
    return (Budget(Unit.MILLISECONDS, 10**9, MONTH, engine),)


def race(database: str, name: str, count: int, at: int) -> None:
    """All at the same millisecond: time, which is written down too, keeps nobody apart."""
    ledger = Ledger(SqlStore(engine_of(database), 60), characters(100), lambda: at)

    def one(number: int) -> bool:
        asked = Ask(f"{name} {number}", "cloud", "ann", Amounts(characters=1), LIVES_MS)
        return isinstance(ledger.reserve(asked), Granted)

    with ThreadPoolExecutor(count) as threads:
        print("ready", flush=True)
        sys.stdin.readline()
        print(sum(threads.map(one, range(count))), flush=True)


def kill(database: str, calls: Path, rounds: int) -> None:
    random = Random(20261121)
    for number in range(rounds):
        key = f"key {number if random.random() < 0.7 else random.randrange(number + 1)}"
        spent = random.randrange(HELD_MS + 1)
        child = os.fork()
        if not child:
            one_round(database, calls, key, HOOKS[number % len(HOOKS)], spent)
            os._exit(0)
        _, status = os.waitpid(child, 0)
        print(os.waitstatus_to_exitcode(status), flush=True)


class Death:
    """Comes at one hook; those called "in ..." lie within a transaction, just before it is committed."""

    def __init__(self, hook: str, engine: Engine) -> None:
        self._hook = hook
        self._within = ""
        event.listen(engine, "commit", lambda _: self.at(f"in {self._within}"))

    def at(self, place: str) -> None:
        if place == self._hook:
            os.kill(os.getpid(), signal.SIGKILL)

    def around(self, what: str) -> None:
        """From here on transactions are those of so and so."""
        self.at(f"before {what}")
        self._within = what


def one_round(database: str, calls: Path, key: str, hook: str, spent: int) -> None:
    """One request, killed at the hook; what the provider counts is in the file `calls`."""
    engine = engine_of(database)
    ledger = Ledger(SqlStore(engine, 60), milliseconds, now)
    death = Death(hook, engine)
    death.around("reserve")
    answer = ledger.reserve(Ask(key, "cloud", "ann", Amounts(1, HELD_MS), LIVES_MS))
    if not isinstance(answer, Granted):
        return
    death.at("after reserve")
    death.around("send")
    if not ledger.send(answer.entry):
        return
    death.at("after send")
    with calls.open("a") as counted:
        counted.write(f"{key}\t{spent}\n")
        counted.flush()
        os.fsync(counted.fileno())
        death.at("during the call")
    death.at("after the answer")
    death.around("settle")
    ledger.settle(answer.entry, Amounts(1, spent))
    death.at("after settle")


def streams(database: str, calls: Path, rounds: int) -> None:
    for number in range(rounds):
        child = os.fork()
        if not child:
            one_stream(database, calls, f"stream {number}", number % MOMENTS)
            os._exit(0)
        _, status = os.waitpid(child, 0)
        print(os.waitstatus_to_exitcode(status), flush=True)


def one_stream(database: str, calls: Path, key: str, moment: int) -> None:
    """Sound goes out piece by piece as far as slices cover it; killed after a piece, or before a commit."""
    engine, moments = engine_of(database), count()

    def passed() -> None:
        if next(moments) == moment:
            os.kill(os.getpid(), signal.SIGKILL)

    event.listen(engine, "commit", lambda _: passed())
    ledger = Ledger(SqlStore(engine, 60), milliseconds, now)
    stream = SlicedStream(ledger, Ask(key, "cloud", "ann", Amounts(1, HELD_MS), LIVES_MS))
    for piece in range(PIECES):
        assert stream.covers((piece + 1) * PIECE_MS)
        with calls.open("a") as counted:
            counted.write(f"{key}\t{PIECE_MS}\n")
            counted.flush()
            os.fsync(counted.fileno())
        passed()
    stream.end(PIECES * PIECE_MS)
    assert next(moments) == MOMENTS - 1


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["race", database, name, count, at]:
            race(database, name, int(count), int(at))
        case ["kill", database, calls, rounds]:
            kill(database, Path(calls), int(rounds))
        case ["streams", database, calls, rounds]:
            streams(database, Path(calls), int(rounds))

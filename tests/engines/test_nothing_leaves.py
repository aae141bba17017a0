"""Nothing leaves the machine that is not to: no connection under local-only, no key in a core dump."""

import resource
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from voice_api.engines.conversing import Conversing
from voice_api.engines.engine import Engine, local_engine
from voice_api.engines.gate import Gate
from voice_api.engines.hearing import Hearing, Wish
from voice_api.engines.keys import key_in
from voice_api.engines.kinds import Description, engine_of
from voice_api.engines.local_conversation import LocalConverser
from voice_api.engines.speaking import Speaking
from voice_api.speech.protocol import ALONE, Company, TranscribeOptions, Transcript
from voice_api.speech.speakers.espeak import EspeakSpeaker
from voice_api.usage.ledger import Ledger
from voice_api.usage.policy import Bounds, EnginePolicy, Policy
from voice_api.usage.store import SqlStore, sqlite_engine

NOW = 1_795_262_400_000
SOUND = (np.sin(np.arange(16_000, dtype=np.float32) / 10) * 0.5).astype(np.float32)
VOICE = "21m00Tcm4TlvDq8ikWAM"
NAMES = ("openai", "openai-speech", "hume", "openai-realtime", "elevenlabs")
WISH = Wish("ann", "a", "cloud", consents=True)


class Watch:
    """Every connection, address that is looked up and word sent without one, by anything in this process.

    Python tells its hooks of them before they happen; a hook stays for good, so there is one, switched on
    and off.
    """

    def __init__(self) -> None:
        self.seen: list[str] | None = None
        sys.addaudithook(self._told)

    def _told(self, event: str, arguments: tuple[object, ...]) -> None:
        if self.seen is None or event not in WATCHED:
            return
        if not (
            arguments and isinstance(arguments[0], socket.socket) and arguments[0].family == socket.AF_UNIX
        ):
            self.seen.append(f"{event} {arguments[1:]}")

    @contextmanager
    def watching(self) -> Iterator[list[str]]:
        self.seen = seen = []
        try:
            yield seen
        finally:
            self.seen = None


WATCHED = frozenset(
    {"socket.connect", "socket.getaddrinfo", "socket.gethostbyname", "socket.sendto", "socket.sendmsg"}
)
WATCH = Watch()


class HeardHere:
    """Stands for the local model, which takes longer to load than these tests."""

    name = "here"

    def transcribe(
        self, samples: NDArray[np.float32], options: TranscribeOptions, company: Company = ALONE
    ) -> Transcript:
        return Transcript("heard here", "en", len(samples) / 16_000, (), 0.9, False, None, {})


def by_loudness() -> Callable[[NDArray[np.float32]], float]:
    return lambda chunk: 1.0 if np.abs(chunk).max() > 0.05 else 0.0


@pytest.fixture
def engines(
    provider, evi_server, realtime_server, speech_server, key_file: Path
) -> Iterator[tuple[Engine, ...]]:
    """Those of each kind, at servers that answer, and local."""
    key = partial(key_in, key_file)
    speech = f"{speech_server.address}/v1"
    described = (
        Description("openai", "openai", key, provider.address, tasks=frozenset({"listen"})),
        Description("openai-speech", "openai", key, speech, tasks=frozenset({"speak"})),
        Description("hume", "hume", key, evi_server.address),
        Description("openai-realtime", "openai-realtime", key, realtime_server.address),
        Description("elevenlabs", "elevenlabs", key, speech_server.address, voice=VOICE),
    )
    elsewhere = tuple(engine_of(replace(each, deadline_seconds=100)) for each in described)
    speaker, here = EspeakSpeaker(), HeardHere()
    yield (
        *elsewhere,
        local_engine(here, speaker, LocalConverser(here, str, speaker, probability=by_loudness)),
    )
    for engine in elsewhere:
        engine.close()


@pytest.fixture
def ledger(tmp_path: Path) -> Ledger:
    unbounded = {kind: EnginePolicy(whole=Bounds()) for kind in NAMES}
    return Ledger(SqlStore(sqlite_engine(tmp_path / "usage.sqlite")), Policy(unbounded).budgets, lambda: NOW)


def everything_asked(engines: tuple[Engine, ...], ledger: Ledger, *, local_only: bool) -> set[str | None]:
    """Each engine is wished for each thing it can do; who answered."""
    answered = set()
    gates = {kind: Gate() for kind in NAMES}
    for number, wished in enumerate(engines[:-1]):
        two, wish = (wished, engines[-1]), replace(WISH, idempotency_key=str(number))
        if wished.can("listen"):
            hearing = Hearing(two, ledger, gates, local_only)
            answered.add(hearing.hear(SOUND, TranscribeOptions(), wish)[1].engine)
        if wished.can("speak"):
            spoken, by = Speaking(two, ledger, gates, local_only).speak("three pods", None, 1.0, wish)
            list(spoken.pieces)
            answered.add(by.engine)
        if wished.can("converse"):
            wish = replace(wish, idempotency_key=f"{number}-conversation")
            talk = Conversing(two, ledger, gates, local_only, probability=by_loudness).converse("", wish)
            answered.add(talk.answered.engine)
            talk.end()
    return answered


def test_under_local_only_nothing_connects_anywhere_whatever_is_wished(
    engines: tuple[Engine, ...], ledger: Ledger
) -> None:
    with WATCH.watching() as seen:
        answered = everything_asked(engines, ledger, local_only=True)
    assert answered == {"local"}
    assert not seen


def test_the_watch_sees_each_connection_where_they_are_allowed(
    engines: tuple[Engine, ...], ledger: Ledger
) -> None:
    with WATCH.watching() as seen:
        answered = everything_asked(engines, ledger, local_only=False)
    assert answered == set(NAMES)
    assert sum(each.startswith("socket.connect") for each in seen) >= 5


CRASHING = """
import os, sys
from voice_api.core_dumps import keep_memory_out_of_core_dumps
if sys.argv[1] == "kept":
    keep_memory_out_of_core_dumps()
key = sys.stdin.readline()
print(open("/proc/self/coredump_filter").read().strip(), flush=True)
os.abort()
"""


def crashed(folder: Path, how: str) -> tuple[str, bytes]:
    """What the process said of its filter, and what the kernel left of it."""

    def allow() -> None:
        resource.setrlimit(resource.RLIMIT_CORE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))

    ended = subprocess.run(
        [sys.executable, "-c", CRASHING, how],
        input=f"sk-{'canary'}-in-memory\n",
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=60,
        preexec_fn=allow,
        check=False,
    )
    assert ended.returncode == -signal.SIGABRT
    return ended.stdout.strip(), b"".join(file.read_bytes() for file in folder.iterdir())


def test_a_key_is_in_no_core_dump(tmp_path: Path) -> None:
    canary, to_a_file = b"sk-canary-in-memory", not core_pattern().startswith(("|", "/"))
    for how in ("kept", "as it comes"):
        (tmp_path / how).mkdir()
        told, core = crashed(tmp_path / how, how)
        assert (int(told, 16) == 0) == (how == "kept")
        assert (canary in core) == (how == "as it comes" and to_a_file)


def core_pattern() -> str:
    return Path("/proc/sys/kernel/core_pattern").read_text()

"""Providers of speech that stand on this machine: what their own clients accept, with every way to fail."""

import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

sys.path.append(str(Path(__file__).parent))

from fake_engines.evi import Evi, evi
from fake_engines.realtime import Realtime, realtime
from fake_engines.relay import Relay, relay
from fake_engines.speech import Speech, speech


@pytest.fixture
def evi_server() -> Iterator[Evi]:
    with evi() as server:
        yield server


@pytest.fixture
def realtime_server() -> Iterator[Realtime]:
    with realtime() as server:
        yield server


@pytest.fixture
def speech_server() -> Iterator[Speech]:
    with speech() as server:
        yield server


@pytest.fixture
def relay_to() -> Iterator[Callable[[str], Relay]]:
    """Puts a cable that can be cut before an address."""
    with ExitStack() as relays:
        yield lambda address: relays.enter_context(relay(address))

"""Providers of speech that stand on this machine: what their own clients accept, with every way to fail."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path.append(str(Path(__file__).parent))

from fake_engines.evi import Evi, evi


@pytest.fixture
def evi_server() -> Iterator[Evi]:
    with evi() as server:
        yield server

"""A random model small enough to be made in a moment, with everything else as published."""

import pytest

from voice_api.bench.random_model import Size
from voice_api.bench.subjects import Subject, random_subject

SMALLEST = Size("smallest", 64, 2, 2)


@pytest.fixture(scope="session")
def smallest() -> Size:
    return SMALLEST


@pytest.fixture(scope="session")
def small(tmp_path_factory: pytest.TempPathFactory) -> Subject:
    """The smallest model, drawn and compiled."""
    return random_subject(SMALLEST, tmp_path_factory.mktemp("bench"), lambda _: None)

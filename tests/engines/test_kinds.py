"""Engines by what their user says of them; and a kind that a package brings, by its entry point."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from voice_api.engines.kinds import Description, engine_kinds, engine_of
from voice_api.errors import VoiceApiError

BROUGHT = """
from voice_api.engines.engine import Engine

def engine(description):
    return Engine(description.name, listener=description.key, quality=description.quality)
"""


def described(kind: str, **others: object) -> Description:
    return Description("mine", kind, lambda: "key", **others)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("kind", "tasks", "emotion"),
    [
        ("openai", {"listen", "speak"}, False),
        ("hume", {"listen", "converse"}, True),
        ("openai-realtime", {"converse"}, False),
        ("elevenlabs", {"speak"}, False),
    ],
)
def test_each_kind_has_its_tasks(kind: str, tasks: set[str], *, emotion: bool) -> None:
    engine = engine_of(described(kind, voice="21m00Tcm4TlvDq8ikWAM"))
    assert {task for task in ("listen", "speak", "converse") if engine.can(task)} == tasks  # type: ignore[arg-type]
    assert (engine.emotion, engine.leaves_machine) == (emotion, True)
    engine.close()


def test_an_engine_does_no_more_than_it_is_to() -> None:
    engine = engine_of(described("openai", tasks=frozenset({"speak"})))
    assert (engine.can("listen"), engine.can("speak")) == (False, True)
    engine.close()


@pytest.mark.parametrize(
    ("wish", "word"),
    [
        (described("nobody"), "choose one of elevenlabs, hume, openai, openai-realtime"),
        (described("openai", tasks=frozenset({"converse"})), "is to converse, which openai cannot"),
        (described("elevenlabs"), "has no voice"),
        (Description("local", "openai", lambda: "key"), "cannot be called local"),
    ],
)
def test_what_cannot_be_made_is_said(wish: Description, word: str) -> None:
    with pytest.raises(VoiceApiError) as caught:
        engine_of(wish)
    assert word in str(caught.value)


@pytest.fixture
def package(tmp_path: Path) -> Iterator[str]:
    """A package that brings two kinds, installed as pip would; one of them calls itself as one of ours."""
    (tmp_path / "brought_engine.py").write_text(BROUGHT)
    about = tmp_path / "brought_engine-1.dist-info"
    about.mkdir()
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: brought-engine\nVersion: 1\n")
    lines = ["[voice_api.engines]", "mumble = brought_engine:engine", "hume = brought_engine:engine"]
    (about / "entry_points.txt").write_text("\n".join(lines))
    sys.path.append(str(tmp_path))
    yield "mumble"
    sys.path.remove(str(tmp_path))
    sys.modules.pop("brought_engine", None)


def test_a_package_brings_a_kind_and_takes_none_of_ours(package: str) -> None:
    assert package in engine_kinds()
    brought = engine_of(described(package, quality=7))
    assert (brought.quality, brought.can("listen"), brought.can("speak")) == (7, True, False)
    ours = engine_of(described("hume"))
    assert ours.can("converse")
    ours.close()

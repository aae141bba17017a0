"""A server is looked after: it reads what prompts begin with before anybody waits, and is a figure."""

import asyncio
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from voice_api.cluster.demo import DemoCluster
from voice_api.commands.core import CommandCore
from voice_api.commands.language.check import interpreter
from voice_api.commands.suggesting.chat import Prompt
from voice_api.figures import Figures
from voice_api.http.lanes import open_lanes
from voice_api.language_model.server import LanguageModel, Where
from voice_api.language_model.watch import Watch
from voice_api.settings import Settings
from voice_api.thinking import Thinking, thinks

LANGUAGE = interpreter()
PROMPTS = (Prompt("one", ""), Prompt("two", ""))


def until(true: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60
    while not true():
        assert time.monotonic() < deadline, "it did not come to be so"
        time.sleep(0.01)


def prompts(small: Any) -> list[str]:
    return [each["messages"][0]["content"] for each in small.asked]


@pytest.fixture
def model(small: Any) -> Iterator[LanguageModel]:
    small.messages = [{}]
    found = LanguageModel(Where("llama.cpp", small.address, "", lambda: ""), health_seconds=60)
    yield found
    found.close()


def test_a_server_that_loads_is_looked_at_again_and_then_reads_what_prompts_begin_with(
    model: LanguageModel, small: Any
) -> None:
    small.unwell = "503"
    watch = Watch(model, PROMPTS, every=0.05)
    until(lambda: len(small.paths) >= 3)
    assert (watch.ready, small.asked) == (False, [])
    small.unwell = "none"
    until(lambda: len(small.asked) >= 2)
    assert prompts(small) == ["one", "two"]
    until(lambda: watch.ready)
    small.unwell = "503"
    until(lambda: not watch.ready)
    small.unwell = "none"
    until(lambda: len(small.asked) >= 4)
    watch.close()
    assert prompts(small) == ["one", "two", "one", "two"]


def test_a_watch_ends_while_the_server_reads(model: LanguageModel, small: Any) -> None:
    small.fault, before = "slow", set(threading.enumerate())
    watch = Watch(model, PROMPTS, every=0.05)
    until(lambda: len(small.asked) >= 1)
    watch.close()
    until(lambda: "language-model" not in {each.name for each in set(threading.enumerate()) - before})
    assert prompts(small) == ["one"]


def test_with_a_model_one_command_waits_for_it_and_another_goes_on(
    settings_of: Callable[..., Settings],
) -> None:
    lanes, other_ran = open_lanes(settings_of()), threading.Event()

    async def both() -> tuple[bool, None]:
        waiting = lanes.acting.run(lambda _: other_ran.wait(60))
        return await asyncio.gather(waiting, lanes.acting.run(lambda _: other_ran.set()))

    assert asyncio.run(both())[0]
    lanes.stop()


@pytest.fixture
def thinking(settings_of: Callable[..., Settings]) -> Iterator[Thinking]:
    found = thinks(settings_of(), 60)
    yield found
    found.close()


def test_a_service_lets_it_read_both_offers_to_the_letter(thinking: Thinking, small: Any) -> None:
    small.messages = [{}]
    core = CommandCore(DemoCluster(), LANGUAGE, thinking.with_model(None))
    figures = Figures()
    thinking.count_in(figures)
    thinking.begin()
    until(lambda: 'kvx_voice_language_model_ready{model="llama.cpp"} 1.0' in figures.text().decode())
    until(lambda: len(small.asked) >= 2)
    read = [(each["messages"][0], each["tools"]) for each in small.asked]
    until(lambda: "busy" not in core.answer("tell me whatever went on with checkout").reply)
    last = small.asked[-1]
    assert (last["messages"][0], last["tools"]) == read[0]


def test_who_names_no_language_model_loads_nothing_to_ask_one_with() -> None:
    """Not even the service that is put together: what is loaded is waited for at each start."""
    code = (
        "import sys, voice_api.app; from voice_api.settings import Settings; "
        "from voice_api.thinking import thinks; thinks(Settings()); "
        "sys.exit(', '.join({'httpx', 'rich', 'sqlalchemy', 'websockets'} & set(sys.modules)) or 0)"
    )
    words = [sys.executable, "-c", code]
    done = subprocess.run(words, capture_output=True, text=True, timeout=120, check=False)
    assert (done.returncode, done.stderr) == (0, "")

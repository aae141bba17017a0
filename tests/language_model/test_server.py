"""Each kind of server is asked in its own way, its answers are read alike, and keys go nowhere else."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from voice_api.commands.suggesting.chat import Prompt, Silence
from voice_api.errors import VoiceApiError
from voice_api.language_model.address import checked_address, is_own
from voice_api.language_model.dialects import DIALECTS
from voice_api.language_model.server import LanguageModel, Where
from voice_api.settings import SettingsError, load_settings
from voice_api.thinking import thinks

TOOL = {"type": "function", "function": {"name": "count", "parameters": {"type": "object"}}}
PROMPT = Prompt("You count.", "how many", (TOOL,))
Asks = Callable[..., LanguageModel]


@pytest.fixture
def asks(small: Any) -> Iterator[Asks]:
    """By a clock that stands still: whoever answered has answered lately."""
    with ExitStack() as endings:

        def ask(kind: str = "llama.cpp", key: str = "", path: str = "") -> LanguageModel:
            where = Where(kind, f"{small.address}{path}", "small", lambda: key)  # type: ignore[arg-type]
            model = LanguageModel(where, lambda: 0.0, health_seconds=60)
            endings.callback(model.close)
            return model

        yield ask


@pytest.mark.parametrize(
    ("kind", "below", "paths"),
    [
        ("llama.cpp", "", ["/health", "/v1/chat/completions"]),
        ("ollama", "", ["/api/version", "/api/chat"]),
        ("openai", "/v1", ["/v1/models", "/v1/chat/completions"]),
    ],
)
def test_each_server_is_asked_where_it_listens_and_its_call_is_read(  # noqa: PLR0917  # fixtures and a table
    small: Any, asks: Asks, servers_module: ModuleType, kind: str, below: str, paths: list[str]
) -> None:
    small.messages = [servers_module.calling("count", as_object=kind == "ollama", kind="pods")]
    assert asks(kind, path=below).message(PROMPT, 60) == small.messages[0]
    assert small.paths == paths
    (asked,) = small.asked
    assert asked["tools"] == [TOOL]
    assert asked["stream"] is False


def test_a_call_is_required_by_a_word_and_only_one(small: Any, asks: Asks) -> None:
    small.messages = [{}]
    asks().message(PROMPT, 60)
    assert small.asked[0]["tool_choice"] == "required"
    assert small.asked[0]["parallel_tool_calls"] is False
    assert small.asked[0]["chat_template_kwargs"] == {"enable_thinking": False}


def test_ollama_gets_room_for_the_tools_and_is_not_asked_to_think(small: Any, asks: Asks) -> None:
    small.messages = [{}]
    asks("ollama").message(PROMPT, 60)
    (asked,) = small.asked
    assert (asked["model"], asked["think"], asked["options"]["num_ctx"]) == ("small", False, 4_096)
    assert "tool_choice" not in asked


@pytest.mark.parametrize("kind", sorted(DIALECTS))
def test_without_tools_none_can_be_called(kind: str) -> None:
    body = DIALECTS[kind].body("small", Prompt("Sum up.", "lines"))  # type: ignore[index]
    assert not {"tools", "tool_choice", "parallel_tool_calls"} & body.keys()


def test_who_answered_lately_is_not_asked_for_its_health(small: Any, asks: Asks) -> None:
    small.messages = [{}]
    model = asks()
    model.message(PROMPT, 60)
    model.message(PROMPT, 60)
    assert small.paths.count("/health") == 1


def test_after_a_failure_its_health_is_asked_for_again(small: Any, asks: Asks) -> None:
    small.messages, model = [{}], asks()
    model.message(PROMPT, 60)
    small.fault = "cut off"
    assert model.message(PROMPT, 60) == Silence("down")
    small.fault, small.unwell = "none", "503"
    assert model.message(PROMPT, 60) == Silence("down")
    assert small.paths.count("/health") == 2


def test_one_sentence_at_a_time_and_the_other_is_told_at_once(small: Any, asks: Asks) -> None:
    small.messages, small.fault = [{}], "slow"
    model = asks()
    first = threading.Thread(target=model.message, args=(PROMPT, 60))
    first.start()
    while first.is_alive() and not small.asked:
        time.sleep(0.01)
    assert model.message(PROMPT, 60) == Silence("busy")
    small.let_go.set()
    first.join(60)
    assert not first.is_alive()


def test_a_key_is_read_anew_and_is_in_no_reply(small: Any, tmp_path: Path) -> None:
    file = tmp_path / "key"
    file.write_text("canary-one\n")
    flags = {"language_model_address": small.address, "language_model_key_file": str(file)}
    thinking = thinks(load_settings(None, flags, {}), 60)
    assert thinking.model is not None
    try:
        small.messages = [{}]
        thinking.model.message(PROMPT, 60)
        file.write_text("canary-two\n")
        small.fault = "401"
        assert thinking.model.message(PROMPT, 60) == Silence("refused")
        assert small.keys[-1] == "Bearer canary-two"
        assert "canary" not in repr(thinking.model) + repr(vars(thinking.model))
        file.unlink()
        assert thinking.model.message(PROMPT, 60) == Silence("refused")
    finally:
        thinking.close()


@pytest.mark.parametrize(
    ("host", "own"),
    [
        ("localhost", True),
        ("127.0.0.1", True),
        ("::1", True),
        ("10.1.2.3", True),
        ("192.168.1.2", True),
        ("language-model", True),
        ("language-model.kvx.svc", True),
        ("api.openai.com", False),
        ("8.8.8.8", False),
        ("169.254.169.254", False),
        ("0.0.0.0", False),
        ("evil.svc.example.com", False),
    ],
)
def test_which_machines_are_ones_own(host: str, own: bool) -> None:
    assert is_own(host) is own


@pytest.mark.parametrize(
    ("address", "own_only"),
    [
        ("language-model", False),
        ("ftp://language-model", False),
        ("http://user:canary@language-model", False),
        ("http://language-model?key=1", False),
        ("http://language-model:port", False),
        ("http://api.openai.com/v1", False),
        ("https://api.openai.com/v1", True),
    ],
)
def test_an_address_that_may_not_be_asked_is_refused(address: str, own_only: bool) -> None:
    with pytest.raises(VoiceApiError) as refused:
        checked_address(address, own_only=own_only)
    assert "canary" not in str(refused.value)


def test_an_address_is_taken_as_it_is() -> None:
    assert checked_address("https://api.openai.com/v1/", own_only=False) == "https://api.openai.com/v1"
    assert checked_address("http://language-model", own_only=True) == "http://language-model"


@pytest.mark.parametrize("kind", ["ollama", "openai"])
def test_a_server_of_many_models_wants_one_named(kind: str) -> None:
    flags = {"language_model_address": "http://127.0.0.1:1", "language_model_kind": kind}
    with pytest.raises(SettingsError, match="language_model_name is empty"):
        thinks(load_settings(None, flags, {}))


def test_without_an_address_nothing_is_different() -> None:
    thinking = thinks(load_settings(None, {}, {}))
    assert thinking.model is None
    assert thinking.with_model(None) is None

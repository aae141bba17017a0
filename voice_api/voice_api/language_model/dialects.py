"""How each kind of server is asked, how it answers, and how it says that it is there. Pure."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias, get_args

from voice_api.commands.suggesting.chat import Prompt

Kind: TypeAlias = Literal["llama.cpp", "ollama", "openai"]
KINDS: tuple[Kind, ...] = get_args(Kind)
HEALTH_SECONDS = 0.8
"""A server that is there says so at once, also while it answers somebody else."""

MOST_TOKENS = 160
"""A call has about 40, two sentences about 60: what is longer is no answer."""

CONTEXT_TOKENS = 4_096
"""Ollama would take what its model file says, which may be less than the tools need."""

KEPT = "30m"
"""Ollama forgets a model after five minutes, and then nobody waits until it is loaded again."""


@dataclass(frozen=True, slots=True)
class Dialect:
    """Paths are below the address; message_of is None for what is no answer."""

    path: str
    health: str
    body: Callable[[str, Prompt], Mapping[str, Any]]
    message_of: Callable[[Mapping[str, Any]], Mapping[str, Any] | None]


def message_in(dialect: Dialect, content: bytes) -> Mapping[str, Any] | None:
    """The assistant's message in an answer; None where there is none. Never raises."""
    try:
        answer = json.loads(content)
    except (ValueError, RecursionError):
        return None
    return dialect.message_of(answer) if isinstance(answer, Mapping) else None


def _messages(prompt: Prompt) -> list[dict[str, str]]:
    return [{"role": "system", "content": prompt.system}, {"role": "user", "content": prompt.user}]


def _openai(model: str, prompt: Prompt) -> dict[str, Any]:
    """tool_choice is a word: the object that OpenAI knows as well is read as "auto" elsewhere."""
    asked: dict[str, Any] = {"messages": _messages(prompt), "temperature": 0, "stream": False}
    asked |= {"model": model} if model else {}
    if not prompt.tools:
        return asked | {"max_tokens": MOST_TOKENS}
    called = {"tools": list(prompt.tools), "tool_choice": "required", "parallel_tool_calls": False}
    return asked | called | {"max_tokens": MOST_TOKENS}


def _llama(model: str, prompt: Prompt) -> dict[str, Any]:
    """Without thinking aloud, and with what it made of the same beginning last time."""
    return _openai(model, prompt) | {
        "chat_template_kwargs": {"enable_thinking": False},
        "cache_prompt": True,
    }


def _ollama(model: str, prompt: Prompt) -> dict[str, Any]:
    """Not streamed: calls were lost so. It knows no tool_choice; what it prints is no call, as anywhere."""
    options = {"temperature": 0, "num_ctx": CONTEXT_TOKENS, "num_predict": MOST_TOKENS}
    asked: dict[str, Any] = {"model": model, "messages": _messages(prompt), "stream": False, "think": False}
    asked |= {"options": options, "keep_alive": KEPT}
    return asked | ({"tools": list(prompt.tools)} if prompt.tools else {})


def _choice(answer: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """Whatever finish_reason says: servers do not agree about it."""
    choices = answer.get("choices")
    if not isinstance(choices, list) or len(choices) != 1 or not isinstance(choices[0], Mapping):
        return None
    message = choices[0].get("message")
    return message if isinstance(message, Mapping) else None


def _message(answer: Mapping[str, Any]) -> Mapping[str, Any] | None:
    message = answer.get("message")
    return message if isinstance(message, Mapping) else None


DIALECTS: Mapping[Kind, Dialect] = {
    "llama.cpp": Dialect("v1/chat/completions", "health", _llama, _choice),
    "ollama": Dialect("api/chat", "api/version", _ollama, _message),
    "openai": Dialect("chat/completions", "models", _openai, _choice),
}

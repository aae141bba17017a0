"""What a program tells, made fit to be said: short, without secrets, and marked as other people's words."""

import json
import re
from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

from voice_api.cluster.protocol import Cluster
from voice_api.cluster.redact import masked, redacted
from voice_api.commands.answers.reading import Act
from voice_api.commands.functions import Answer
from voice_api.commands.registry.declaring import Call
from voice_api.errors import VoiceApiError

Ask: TypeAlias = Callable[[str, Mapping[str, object]], Any]
SAID_CHARACTERS = 600
DATA_BYTES = 64_000
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,252}")


def answer_by(extension: str, ask: Ask) -> Act:
    """Answers a call by asking `ask` for {"said": a sentence, "data": {...}}."""

    def answer(_: Cluster, call: Call) -> Answer:
        told = ask("answer", {"function": call.function.name, "arguments": call.values})
        match told:
            case {"said": str(said)} if said.strip():
                data = told.get("data") or {}
                return Answer(_said(said), {**_data(data), "extension": extension, "untrusted": True})
        raise _nonsense(extension)

    return answer


def names_by(extension: str, ask: Ask, kind: str) -> tuple[str, ...]:
    """Names of a kind; those that nobody could say or write into a call are left out."""
    told = ask("names", {"kind": kind})
    if not isinstance(told, list) or not all(isinstance(each, str) for each in told):
        raise _nonsense(extension)
    return tuple(each for each in told if NAME.fullmatch(each))


def _said(text: str) -> str:
    plain = " ".join("".join(each if each.isprintable() else " " for each in masked(text)).split())
    return plain if len(plain) <= SAID_CHARACTERS else f"{plain[:SAID_CHARACTERS].rstrip()} and so on."


def _data(data: object) -> Mapping[str, Any]:
    if not isinstance(data, Mapping) or len(json.dumps(data)) > DATA_BYTES:
        return {}
    return redacted(data)


def _nonsense(extension: str) -> VoiceApiError:
    name = extension.replace("_", " ")
    fix = "Look at docs/extensions.md for what it shall answer."
    return VoiceApiError(
        "extension_failed", f"The extension {name} answers nothing that can be said.", fix, 502
    )

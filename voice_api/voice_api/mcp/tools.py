"""Functions as tools, and replies as what a tool gives back."""

from collections.abc import Mapping
from typing import Any

from voice_api.commands.core import Reply
from voice_api.commands.level import Level
from voice_api.commands.policy import User
from voice_api.commands.registry.declaring import Function
from voice_api.commands.registry.schema import tool

DESTROYS = frozenset({Level.DESTRUCTIVE, Level.ADMIN_ONLY})
FAILED = frozenset({"ERROR", "PERMISSION_DENIED"})


def offered(functions: Mapping[str, Function], user: User, *, changes: bool) -> list[dict[str, Any]]:
    """The tools for this user: what only reads, and what changes where a person can be asked."""
    return [
        _tool(each)
        for _, each in sorted(functions.items())
        if each.roles & user.roles and (changes or each.level is Level.READ_ONLY)
    ]


def _tool(function: Function) -> dict[str, Any]:
    described = tool(function)["function"]
    hints = {"readOnlyHint": function.level is Level.READ_ONLY, "destructiveHint": function.level in DESTROYS}
    return {
        "name": described["name"],
        "description": described["description"],
        "inputSchema": described["parameters"],
        "annotations": {**hints, "openWorldHint": False},
    }


def content(reply: Reply) -> dict[str, Any]:
    """What a model reads. Of a question that waits for a person it has nothing to answer it with."""
    data = {
        name: value for name, value in reply.data.items() if name not in {"confirmation", "confirmations"}
    }
    said = (
        "A person was asked, and nothing is changed yet."
        if reply.status == "REQUIRES_CONFIRMATION"
        else reply.reply
    )
    return {
        "content": [{"type": "text", "text": said}],
        "structuredContent": {"status": reply.status, "reply": said, "data": data},
        "isError": reply.status in FAILED,
    }

"""What the voice API answered to a command, for people and for programs."""

import base64
import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import typer

from kvx.errors import ExitCode

EXIT_CODES = {
    "SUCCESS": ExitCode.DONE,
    "ERROR": ExitCode.FAILED,
    "NEEDS_CLARIFICATION": ExitCode.INCOMPLETE,
    "REQUIRES_CONFIRMATION": ExitCode.INCOMPLETE,
    "PERMISSION_DENIED": ExitCode.MISSING,
}


def show(answer: Mapping[str, Any], schema: str | None, spoken: Path | None) -> None:
    """Print the answer, keep its sound where asked to, and end with the exit code of its status."""
    sound = answer.get("audio")
    if spoken and sound:
        _keep(spoken, base64.b64decode(sound["content"]))
    code = EXIT_CODES.get(str(answer.get("status")), ExitCode.FAILED)
    if schema:
        kept = {key: value for key, value in answer.items() if key != "audio"}
        file = str(spoken) if spoken and sound else None
        print(json.dumps({"schema": schema, **kept, "spoken": file, "exit_code": int(code)}))
    else:
        print("\n".join(lines_of(answer)))
        _talk(answer, spoken)
    if code is not ExitCode.DONE:
        raise typer.Exit(int(code))


def lines_of(answer: Mapping[str, Any]) -> tuple[str, ...]:
    """What was heard, the intent, the answer: one line each."""
    heard, intent = answer.get("heard"), answer.get("intent")
    lines = [f"answer    {answer.get('reply')}"]
    if intent:
        arguments = ", ".join(f"{name} {value}" for name, value in intent.get("arguments", {}).items())
        lines.insert(0, f"intent    {intent.get('name')}{f' ({arguments})' if arguments else ''}")
    if heard:
        lines.insert(0, f"heard     {heard.get('text') or 'nothing'}{_sureness(heard.get('confidence'))}")
    return tuple(lines)


def _sureness(confidence: float | None) -> str:
    return "" if confidence is None else f"   ({confidence:.0%} sure)"


def _talk(answer: Mapping[str, Any], spoken: Path | None) -> None:
    notice = (answer.get("data") or {}).get("notice")
    if notice:
        print(notice, file=sys.stderr)
    if spoken and answer.get("audio"):
        print(f"The spoken answer is in {spoken}", file=sys.stderr)


def _keep(path: Path, sound: bytes) -> None:
    from kvx.drivers.sounds import write_sound

    write_sound(path, sound)

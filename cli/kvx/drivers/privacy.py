"""Asks the voice API's own program what leaves this machine, and for the proof of it."""

import json
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from kvx.drivers.programs import run_program
from kvx.errors import ExitCode, KvxError
from kvx.world import World

SCHEMA = "kvx.privacy/1"
DEADLINE_SECONDS = 180.0


def told_by(program: str, settings: str, world: World) -> Mapping[str, Any]:
    """Its document; `settings` is the text of a settings file, which is there for this question only."""
    with tempfile.TemporaryDirectory(prefix="kvx-privacy-") as folder:
        file = Path(folder) / "voice.toml"
        file.write_text(settings, encoding="utf-8")
        ended = run_program((program, "privacy", "--settings", str(file)), DEADLINE_SECONDS, world)
    try:
        document: Mapping[str, Any] = json.loads(ended.output)
    except ValueError:
        document = {}
    if document.get("schema") != SCHEMA:
        first, _, rest = ended.talk.strip().partition("\nfix: ")
        message = first.removeprefix("voice-api: ") or f"{program} told nothing (exit code {ended.code})"
        raise KvxError(message.splitlines()[-1], rest or f"{program} privacy", ExitCode.MISSING)
    return document

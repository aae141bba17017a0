"""kvx say: gives the voice API a command in words."""

from pathlib import Path
from typing import Annotated

import typer

from kvx.commands.answer import show
from kvx.commands.flags import Folder, Json, deployment_from
from kvx.errors import ExitCode, KvxError

SCHEMA = "kvx/say/v1"
DEADLINE_SECONDS = 60.0

Speak = Annotated[
    Path | None, typer.Option("--speak", metavar="FILE.wav", help="Write the spoken answer there.")
]


def say(
    text: Annotated[list[str], typer.Argument(metavar="TEXT...", help="What you would say.")],
    speak: Speak = None,
    folder: Folder = None,
    *,
    as_json: Json = False,
) -> None:
    """Ask in words, and print the answer. Exit code 1: it failed; 4: it asks back."""
    words = " ".join(text).strip()
    if not words:
        raise KvxError("there is nothing to say", 'kvx say "how many pods are not ready"', ExitCode.USAGE)
    deployment = deployment_from(folder)
    from kvx.drivers import process, voice_api

    answer = voice_api.command_from_text(
        voice_api.address_of(process.serving_state(deployment.folder)),
        words,
        speak=speak is not None,
        voice=deployment.settings.voice.voice,
        deadline_seconds=DEADLINE_SECONDS,
    )
    show(answer, SCHEMA if as_json else None, speak)

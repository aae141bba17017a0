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
KeyFile = Annotated[
    Path | None, typer.Option("--key-file", metavar="FILE", help="Holds your key, as kvx user add prints it.")
]
Session = Annotated[
    str, typer.Option("--session", metavar="NAME", help="Which conversation, for answers to questions.")
]


def say(
    text: Annotated[list[str], typer.Argument(metavar="TEXT...", help="What you would say.")],
    speak: Speak = None,
    key_file: KeyFile = None,
    session: Session = "kvx",
    folder: Folder = None,
    *,
    as_json: Json = False,
) -> None:
    """Ask in words, and print the answer. Exit code 1: it failed; 4: it asks back.

    What changes something is asked about first: kvx say --key-file FILE yes answers that.
    """
    words = " ".join(text).strip()
    if not words:
        raise KvxError("there is nothing to say", 'kvx say "how many pods are not ready"', ExitCode.USAGE)
    deployment = deployment_from(folder)
    from kvx.drivers import process, voice_api
    from kvx.drivers.speaker_key import speaker_of

    answer = voice_api.command_from_text(
        voice_api.address_of(process.serving_state(deployment.folder)),
        words,
        speak=speak is not None,
        voice=deployment.settings.voice.voice,
        deadline_seconds=DEADLINE_SECONDS,
        speaker=speaker_of(key_file, session),
    )
    show(answer, SCHEMA if as_json else None, speak)

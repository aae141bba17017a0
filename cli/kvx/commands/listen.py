"""kvx listen: gives the voice API a command as sound."""

from typing import Annotated

import typer

from kvx.commands.answer import show
from kvx.commands.flags import Folder, Json, deployment_from
from kvx.commands.say import DEADLINE_SECONDS, KeyFile, Session, Speak

SCHEMA = "kvx/listen/v1"


def listen(
    sound: Annotated[str, typer.Argument(metavar="FILE", help="A recording; - reads the standard input.")],
    raw_rate: Annotated[
        int | None,
        typer.Option(
            min=1000, max=192_000, help="Sample rate of sound without a header: 16 bit, one channel."
        ),
    ] = None,
    speak: Speak = None,
    folder: Folder = None,
    *,
    key_file: KeyFile = None,
    session: Session = "kvx",
    as_json: Json = False,
) -> None:
    """Ask with a recording, and print what was heard and the answer. Exit code 1: it failed; 4: it asks back.

    From a microphone: arecord -q -f S16_LE -r 16000 -c 1 -d 4 | kvx listen -
    """
    deployment = deployment_from(folder)
    from kvx.drivers import process, sounds, voice_api
    from kvx.drivers.speaker_key import speaker_of

    address = voice_api.address_of(process.serving_state(deployment.folder))
    answer = voice_api.command_from_sound(
        address,
        sounds.read_sound(sound, raw_rate),
        speak=speak is not None,
        voice=deployment.settings.voice.voice,
        deadline_seconds=DEADLINE_SECONDS,
        speaker=speaker_of(key_file, session),
    )
    show(answer, SCHEMA if as_json else None, speak)

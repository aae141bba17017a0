"""kvx listen: gives the voice API a command as sound, or holds a conversation with it."""

from pathlib import Path
from typing import Annotated, Literal

import typer

from kvx.commands.answer import show
from kvx.commands.flags import Folder, Json, deployment_from
from kvx.commands.say import DEADLINE_SECONDS, KeyFile, Session
from kvx.errors import ExitCode, KvxError

SCHEMA = "kvx/listen/v1"

Spoken = Annotated[
    Path | None,
    typer.Option("--speak", metavar="FILE.wav", help="Write the spoken answer there; - plays on stdout."),
]
Continuous = Annotated[
    bool, typer.Option("--continuous", help="Listen on and answer every sentence, until the sound ends.")
]
WakePhrase = Annotated[
    str, typer.Option("--wake-phrase", metavar="WORDS", help="Answer only what begins with these words.")
]
Interrupt = Annotated[
    bool, typer.Option("--interrupt", help="Whoever speaks cuts the reply off; for headphones.")
]
Answers = Annotated[
    Literal["commands", "engine"],
    typer.Option("--answers", help="Who answers: the cluster's commands, or a cloud engine by itself."),
]


def listen(
    sound: Annotated[str, typer.Argument(metavar="FILE", help="A recording; - reads the standard input.")],
    raw_rate: Annotated[
        int | None,
        typer.Option(
            min=1000, max=192_000, help="Sample rate of sound without a header: 16 bit, one channel."
        ),
    ] = None,
    speak: Spoken = None,
    folder: Folder = None,
    *,
    continuous: Continuous = False,
    wake_phrase: WakePhrase = "",
    interrupt: Interrupt = False,
    answers: Answers = "commands",
    key_file: KeyFile = None,
    session: Session = "kvx",
    as_json: Json = False,
) -> None:
    """Ask with a recording, and print what was heard and the answer. Exit code 1: it failed; 4: it asks back.

    From a microphone: arecord -q -f S16_LE -r 16000 -c 1 -d 4 | kvx listen -

    A conversation: arecord -q -t raw -f S16_LE -r 16000 -c 1 | kvx listen - --continuous --raw-rate 16000
    --speak - | aplay -q -t raw -f S16_LE -r 24000 -c 1
    """
    _refuse_unfit(speak, continuous, wake_phrase, interrupt, answers)
    deployment = deployment_from(folder)
    from kvx.drivers import process, sounds, voice_api
    from kvx.drivers.speaker_key import speaker_of

    address = voice_api.address_of(process.serving_state(deployment.folder))
    speaker, voice = speaker_of(key_file, session), deployment.settings.voice.voice
    if continuous:
        from kvx.commands.listen_on import listen_on
        from kvx.drivers.conversing import Wish

        wish = Wish(answers, speak is not None, interrupt, wake_phrase, voice)
        listen_on(address, (sound, raw_rate), wish, speaker, speak, as_json=as_json)
        return
    answer = voice_api.command_from_sound(
        address,
        sounds.read_sound(sound, raw_rate),
        speak=speak is not None,
        voice=voice,
        deadline_seconds=DEADLINE_SECONDS,
        speaker=speaker,
    )
    show(answer, SCHEMA if as_json else None, speak)


def _refuse_unfit(
    speak: Path | None, continuous: bool, wake_phrase: str, interrupt: bool, answers: str
) -> None:
    if continuous:
        return
    wished = {
        "--wake-phrase": bool(wake_phrase),
        "--interrupt": interrupt,
        "--answers": answers != "commands",
        "--speak -": speak == Path("-"),
    }
    for flag, given in wished.items():
        if given:
            raise KvxError(
                f"{flag} is for conversations", f"kvx listen - --continuous {flag}", ExitCode.USAGE
            )

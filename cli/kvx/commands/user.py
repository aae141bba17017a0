"""kvx user: who may say what to the voice API."""

import typer

from kvx.commands.flags import Folder
from kvx.commands.voice_program import AS_TYPED, hand_on

app = typer.Typer(add_completion=False, rich_markup_mode=None)


@app.command(context_settings=AS_TYPED)
def user(context: typer.Context, folder: Folder = None) -> None:
    """Add, list and revoke users of the voice API, their keys and their sessions.

    kvx user add ann --role operator --environment staging: prints a key, once

    kvx user token ann --hours 8: prints a session that ends

    kvx user list

    kvx user revoke ann [--key ID | --session ID | --sessions]

    kvx user rotate [--algorithm EdDSA]: signs sessions with a new key from now on

    The voice API knows them where voice.users_file in kvx.toml names their file; without one everybody may
    look, and nobody changes anything.
    """
    hand_on("user", context.args, folder, ("users-file",))

"""kvx audit: what was said to the voice API, and what it did."""

import typer

from kvx.commands.flags import Folder
from kvx.commands.voice_program import AS_TYPED, hand_on

app = typer.Typer(add_completion=False, rich_markup_mode=None)


@app.command(context_settings=AS_TYPED)
def audit(context: typer.Context, folder: Folder = None) -> None:
    """Show, verify, export and count what was said to the voice API, and what it did.

    kvx audit show --last 20 [--user ann] [--words]: with what was said, where it is still kept

    kvx audit verify [--checkpoints FILE]: exit code 1 where a record was changed, cut out or added

    kvx audit export: every record as a line of JSON

    kvx audit stats --days 7: what is used most, how often it goes well, how long it takes
    """
    hand_on("audit", context.args, folder, ("users-file", "journal-folder", "ledger-address-file"))

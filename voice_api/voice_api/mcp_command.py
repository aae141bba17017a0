"""voice-api mcp: the commands for a program that speaks the Model Context Protocol on two pipes."""

import argparse
import sys
from pathlib import Path
from uuid import uuid4

from voice_api.command_settings import add_settings, chosen_settings
from voice_api.settings import SettingsError, surroundings

SETTINGS = (
    *("kubeconfig", "context", "users_file", "journal_folder", "cluster_environment", "follow_seconds"),
    *("transcript_days", "checkpoint_file"),
    *("oidc_issuer", "oidc_audience", "oidc_user_claim", "oidc_groups_claim"),
    *("ledger_address_file", "grammar_file", "extensions_folder", "log_format", "log_level"),
)


def add_mcp_command(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--key-file", type=Path, metavar="FILE", help="file with the key of who speaks")
    add_settings(parser, SETTINGS)
    parser.set_defaults(act=_serve)


def _serve(parsed: argparse.Namespace) -> None:
    settings = chosen_settings(parsed)
    from voice_api.commanding import chosen_cluster, commanding  # noqa: PLC0415
    from voice_api.logs import configure_logs  # noqa: PLC0415
    from voice_api.mcp.pipes import talk  # noqa: PLC0415
    from voice_api.mcp.session import Session  # noqa: PLC0415
    from voice_api.version import VERSION  # noqa: PLC0415

    configure_logs(settings.log_format, settings.log_level)
    around = surroundings()
    commands = commanding(settings, around, chosen_cluster(settings, around))
    try:
        user = commands.acts.users.speaker_of(_authorization(parsed.key_file))
        session = Session(commands.core, user, VERSION, f"mcp-{uuid4().hex}")
        talk(session, sys.stdin.buffer, sys.stdout.buffer)
    finally:
        commands.close()


def _authorization(file: Path | None) -> str | None:
    if file is None:
        return None
    try:
        return f"Bearer {file.read_text(encoding='utf-8').strip()}"
    except (OSError, UnicodeDecodeError) as error:
        message = f"--key-file {file} cannot be read: {type(error).__name__}"
        raise SettingsError(message, "name the file that `voice-api user add` printed into") from None

"""voice-api audit: shows, verifies, exports and counts what the journal of commands holds."""

import argparse
import json
import sys
import time
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from voice_api.command_settings import add_settings, chosen_settings
from voice_api.errors import VoiceApiError
from voice_api.settings import SettingsError, surroundings

if TYPE_CHECKING:
    from voice_api.commands.journal.chain import Head

DAY_SECONDS = 24 * 3600
READ_AT_MOST = 1_000_000


def add_audit_commands(parser: argparse.ArgumentParser) -> None:
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    show = commands.add_parser("show", help="the newest records, one to a line")
    show.add_argument("--last", type=int, default=20, metavar="N", help="how many (20)")
    show.add_argument("--user", metavar="NAME", help="only those of this user")
    show.set_defaults(act=_show)
    verify = commands.add_parser("verify", help="exit code 1 where a record was changed, cut out or added")
    verify.add_argument("--checkpoint", metavar="N:SEAL", help="a head that the service logged once")
    verify.set_defaults(act=_verify)
    export = commands.add_parser("export", help="every record as a line of JSON, chain and all")
    export.set_defaults(act=_export)
    stats = commands.add_parser("stats", help="what was used most, and how often it went well")
    stats.add_argument("--days", type=int, default=7, metavar="N", help="of how many days (7)")
    stats.set_defaults(act=_stats)
    for each in (show, verify, export, stats):
        add_settings(each, ("users_file", "journal_folder"))


def _show(parsed: argparse.Namespace) -> None:
    from voice_api.commands.journal.file import last_records  # noqa: PLC0415

    records = last_records(_folder(parsed), READ_AT_MOST if parsed.user else parsed.last)
    mine = [each for each in records if parsed.user in {None, each.get("user")}]
    for record in mine[-parsed.last :] if parsed.last > 0 else []:
        sys.stdout.write(f"{_line(record)}\n")


def _line(record: dict[str, Any]) -> str:
    at = datetime.fromtimestamp(float(record.get("time") or 0), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    event = "/".join(str(record[name]) for name in ("event", "stage") if record.get(name))
    told = (record.get("user"), record.get("function"), record.get("status"), record.get("said"))
    parts = (at, event, *(str(each) if each not in {None, ""} else "-" for each in told))
    return "\t".join(" ".join(part.split()) for part in parts)


def _verify(parsed: argparse.Namespace) -> None:
    from voice_api.acting import derived  # noqa: PLC0415
    from voice_api.commands.journal.chain import Broken  # noqa: PLC0415
    from voice_api.commands.journal.file import verified_folder  # noqa: PLC0415
    from voice_api.users.file import read_book  # noqa: PLC0415

    file = chosen_settings(parsed).users_file
    if not file:
        raise SettingsError("the journal's key is with the users", "give --users-file FILE")
    key = derived(read_book(Path(file)), "journal")
    verdict = verified_folder(_folder(parsed), key, _checkpoint(parsed.checkpoint))
    if isinstance(verdict, Broken):
        message = f"the journal is broken at its line {verdict.line}: {verdict.why}"
        raise JournalBrokenError(
            "journal_broken", message, "keep the folder as it is, for whoever looks into it"
        )
    sys.stdout.write(f"{verdict.number}:{verdict.seal}\n")
    sys.stderr.write(f"the journal is whole: {verdict.number} records\n")


class JournalBrokenError(VoiceApiError):
    """The journal is not as it was written; the program ends with exit code 1."""


def _checkpoint(text: str | None) -> "Head | None":
    from voice_api.commands.journal.chain import Head  # noqa: PLC0415

    if text is None:
        return None
    number, _, seal = text.partition(":")
    if not number.isdigit() or len(seal) != 64:
        raise SettingsError(f"{text[:80]!r} is no checkpoint", "give NUMBER:SEAL as `audit verify` prints it")
    return Head(int(number), seal)


def _export(parsed: argparse.Namespace) -> None:
    from voice_api.commands.journal.file import lines  # noqa: PLC0415

    for line in lines(_folder(parsed)):
        sys.stdout.write(f"{line}\n")


def _stats(parsed: argparse.Namespace) -> None:
    from voice_api.commands.journal.file import last_records  # noqa: PLC0415
    from voice_api.commands.journal.statistics import statistics  # noqa: PLC0415

    since = time.time() - parsed.days * DAY_SECONDS
    found = statistics(last_records(_folder(parsed), READ_AT_MOST), since)
    sys.stdout.write(json.dumps({"days": parsed.days, **asdict(found)}, indent=2) + "\n")


def _folder(parsed: argparse.Namespace) -> Path:
    settings = chosen_settings(parsed)
    folder = Path(settings.journal_folder) if settings.journal_folder else surroundings().journal_folder
    if not folder.is_dir():
        raise VoiceApiError("no_journal", f"there is no journal in {folder}", "name it with --journal-folder")
    return folder

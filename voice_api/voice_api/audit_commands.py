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
    from voice_api.recording import Reading

DAY_SECONDS = 24 * 3600
READ_AT_MOST = 1_000_000


def add_audit_commands(parser: argparse.ArgumentParser) -> None:
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    show = commands.add_parser("show", help="the newest records, one to a line")
    show.add_argument("--last", type=int, default=20, metavar="N", help="how many (20)")
    show.add_argument("--user", metavar="NAME", help="only those of this user")
    show.add_argument("--words", action="store_true", help="with what was said, where it is still kept")
    show.set_defaults(act=_show)
    verify = commands.add_parser("verify", help="exit code 1 where a record was changed, cut out or added")
    verify.add_argument("--checkpoint", metavar="N:SEAL", help="a head that the service logged once")
    verify.add_argument(
        "--checkpoints",
        type=Path,
        metavar="FILE",
        help="all that a checkpoint_file has; has to lead through each",
    )
    verify.set_defaults(act=_verify)
    export = commands.add_parser("export", help="every record as a line of JSON, chain and all")
    export.set_defaults(act=_export)
    stats = commands.add_parser("stats", help="what was used most, and how often it went well")
    stats.add_argument("--days", type=int, default=7, metavar="N", help="of how many days (7)")
    stats.set_defaults(act=_stats)
    for each in (show, verify, export, stats):
        add_settings(each, ("users_file", "journal_folder", "ledger_address_file"))


def _show(parsed: argparse.Namespace) -> None:
    journal = _reading(parsed)
    records = journal.last(READ_AT_MOST if parsed.user else parsed.last)
    mine = [each for each in records if parsed.user in {None, each.get("user")}]
    words = {each.commitment: each.text for each in journal.words.all()} if parsed.words else {}
    for record in mine[-parsed.last :] if parsed.last > 0 else []:
        said = f"\t{_plain(words.get(record.get('words', ''), '-'))}" if parsed.words else ""
        sys.stdout.write(f"{_line(record)}{said}\n")


def _line(record: dict[str, Any]) -> str:
    at = datetime.fromtimestamp(float(record.get("time") or 0), UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    event = "/".join(str(record[name]) for name in ("event", "stage") if record.get(name))
    told = (record.get("user"), record.get("function"), record.get("status"), record.get("said"))
    parts = (at, event, *(str(each) if each not in {None, ""} else "-" for each in told))
    return "\t".join(_plain(part) for part in parts)


def _plain(text: str) -> str:
    """On one line, with nothing that moves a terminal."""
    return " ".join("".join(each if each.isprintable() else " " for each in text).split())


def _verify(parsed: argparse.Namespace) -> None:
    from voice_api.acting import derived  # noqa: PLC0415
    from voice_api.commands.journal.chain import Broken, verified  # noqa: PLC0415
    from voice_api.commands.journal.checkpoints import written  # noqa: PLC0415
    from voice_api.users.file import read_book  # noqa: PLC0415

    file = chosen_settings(parsed).users_file
    if not file:
        raise SettingsError("the journal's key is with the users", "give --users-file FILE")
    key = derived(read_book(Path(file)), "journal")
    journal = _reading(parsed)
    verdict = verified(journal.lines(), key, checkpoints=_checkpoints(parsed))
    if isinstance(verdict, Broken):
        raise _broken(f"the journal is broken at its line {verdict.line}: {verdict.why}")
    words = _verified_words(journal)
    sys.stdout.write(f"{written(verdict)}\n")
    sys.stderr.write(
        f"the journal is whole: {verdict.number} records, and what was said in {words} of them\n"
    )


def _verified_words(journal: "Reading") -> int:
    """How many turns have their words still; each has to be what a record committed to."""
    from voice_api.commands.journal.chain import record_of  # noqa: PLC0415
    from voice_api.commands.journal.words import as_said  # noqa: PLC0415

    committed = {record_of(line).get("words") for line in journal.lines()}
    count = 0
    for count, each in enumerate(journal.words.all(), start=1):
        if not as_said(each) or each.commitment not in committed:
            raise _broken(f"what is kept as the words of turn {count} was not said so: {each.commitment[:8]}")
    return count


def _broken(message: str) -> "JournalBrokenError":
    return JournalBrokenError("journal_broken", message, "keep all of it as it is, for whoever looks into it")


class JournalBrokenError(VoiceApiError):
    """The journal is not as it was written; the program ends with exit code 1."""


def _checkpoints(parsed: argparse.Namespace) -> "list[Head]":
    from voice_api.commands.journal.checkpoints import checkpoint, checkpoints_in  # noqa: PLC0415

    try:
        typed = [checkpoint(parsed.checkpoint)] if parsed.checkpoint is not None else []
        return [*typed, *(checkpoints_in(parsed.checkpoints) if parsed.checkpoints else ())]
    except VoiceApiError as error:
        raise SettingsError(error.message, error.fix) from None


def _export(parsed: argparse.Namespace) -> None:
    for line in _reading(parsed).lines():
        sys.stdout.write(f"{line}\n")


def _stats(parsed: argparse.Namespace) -> None:
    from voice_api.commands.journal.statistics import statistics  # noqa: PLC0415

    since = time.time() - parsed.days * DAY_SECONDS
    found = statistics(_reading(parsed).last(READ_AT_MOST), since)
    sys.stdout.write(json.dumps({"days": parsed.days, **asdict(found)}, indent=2) + "\n")


def _reading(parsed: argparse.Namespace) -> "Reading":
    from voice_api.recording import reading  # noqa: PLC0415

    return reading(chosen_settings(parsed), surroundings())

"""Opens the journal where the settings have it: for a service that writes it, and for people who read it."""

import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from voice_api.commands.audit import Audit
from voice_api.commands.journal.checkpoints import CheckpointFile
from voice_api.commands.journal.file import Journal, last_records, lines
from voice_api.commands.journal.transcripts import Transcripts
from voice_api.commands.journal.words import WordFiles, Words
from voice_api.errors import VoiceApiError
from voice_api.settings import Settings, Surroundings

REMEMBERED = 5_000
LOOKED_AFTER_SECONDS = 3_600.0


@dataclass(frozen=True, slots=True)
class Reading:
    """A journal as it is read; `last` takes how many."""

    lines: Callable[[], Iterator[str]]
    last: Callable[[int], tuple[dict[str, Any], ...]]
    words: Words


def opened_audit(settings: Settings, around: Surroundings, key: bytes) -> Audit:
    """The journal that this service writes; VoiceApiError where it cannot, or where it is broken."""
    publish = CheckpointFile(Path(settings.checkpoint_file)) if settings.checkpoint_file else (lambda _: None)
    if not in_database(settings):
        folder = journal_folder(settings, around)
        journal = Journal(folder, key)
        kept = Transcripts(WordFiles(folder), settings.transcript_days)
        return Audit(journal, last_records(folder, REMEMBERED), transcripts=kept, published=publish)
    # A database's client takes long to import, and one machine needs none.
    from voice_api.commands.journal.sql_journal import SqlJournal, SqlWords, last_sql_records  # noqa: PLC0415
    from voice_api.usage.store import shared_engine  # noqa: PLC0415

    engine = shared_engine(Path(settings.ledger_address_file))
    shared, past = SqlJournal(engine, key), last_sql_records(engine, REMEMBERED)
    kept = Transcripts(SqlWords(engine), settings.transcript_days)
    return Audit(shared, past, transcripts=kept, others=shared.after, published=publish)


def reading(settings: Settings, around: Surroundings) -> Reading:
    """The journal that the settings name; VoiceApiError where there is none."""
    if not in_database(settings):
        folder = journal_folder(settings, around)
        if not folder.is_dir():
            fix = "name it with --journal-folder, or its database with --ledger-address-file"
            raise VoiceApiError("no_journal", f"there is no journal in {folder}", fix)
        return Reading(partial(lines, folder), partial(last_records, folder), WordFiles(folder))
    from voice_api.commands.journal.sql_journal import SqlWords, last_sql_records, sql_lines  # noqa: PLC0415
    from voice_api.usage.store import shared_engine  # noqa: PLC0415

    engine = shared_engine(Path(settings.ledger_address_file))
    return Reading(partial(sql_lines, engine), partial(last_sql_records, engine), SqlWords(engine))


def in_database(settings: Settings) -> bool:
    """A folder that is named is meant; else all replicas write where they share a database."""
    return bool(settings.ledger_address_file) and not settings.journal_folder


def journal_folder(settings: Settings, around: Surroundings) -> Path:
    return Path(settings.journal_folder) if settings.journal_folder else around.journal_folder


def look_after(audit: Audit, stop: threading.Event, every_seconds: float = LOOKED_AFTER_SECONDS) -> None:
    """On a thread of its own: old words are deleted in a service that nobody speaks to as well."""

    def again_and_again() -> None:
        audit.look_after()
        while not stop.wait(every_seconds):
            audit.look_after()

    threading.Thread(target=again_and_again, name="journal", daemon=True).start()

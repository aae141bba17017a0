"""What was said is kept for its days beside the chain, without secrets, and deleted without breaking it."""

import json
import threading
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, create_engine, text

from voice_api.commands.audit import Audit
from voice_api.commands.journal.chain import Broken, Head, record_of, verified
from voice_api.commands.journal.checkpoints import CheckpointFile, checkpoints_in
from voice_api.commands.journal.file import Journal, journal_failure, last_records, lines, verified_folder
from voice_api.commands.journal.sql_journal import SqlJournal, SqlWords, last_sql_records, sql_lines
from voice_api.commands.journal.transcripts import DAY_SECONDS, Transcripts
from voice_api.commands.journal.words import WordFiles, Words, as_said, said
from voice_api.errors import VoiceApiError
from voice_api.recording import look_after
from voice_api.usage.store import sqlite_engine

KEY = b"a key of the journal"
NOW = 1_795_219_200.0  # midnight in UTC
WAIT_SECONDS = 60.0
CANARY = "kanarienvogel-4711"


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.needs("postgresql"))])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Callable[[], Engine]]:
    """One database, opened as often as there are replicas."""
    opened: list[Engine] = []

    def engine() -> Engine:
        if request.param == "sqlite":
            opened.append(sqlite_engine(tmp_path / "journal.sqlite", WAIT_SECONDS))
        else:
            given: str = request.getfixturevalue("postgresql")
            opened.append(create_engine(given.replace("postgresql://", "postgresql+psycopg://", 1)))
        return opened[-1]

    yield engine
    for each in opened:
        each.dispose()


@pytest.fixture(params=["files", "database"])
def words(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Words]:
    if request.param == "files":
        yield WordFiles(tmp_path)
        return
    engine = sqlite_engine(tmp_path / "journal.sqlite", WAIT_SECONDS)
    SqlJournal(engine, KEY)
    yield SqlWords(engine)
    engine.dispose()


def test_words_are_the_ones_that_were_committed_to_and_one_letter_more_is_not() -> None:
    one, other = said("restart web", NOW), said("restart web", NOW)
    assert as_said(one)
    assert not as_said(replace(one, text="restart wet"))
    assert one.commitment != other.commitment, "equal words cannot be guessed from what the chain holds"


def test_words_are_kept_for_their_days_and_then_gone(words: Words) -> None:
    for day in range(40):
        Transcripts(words, 30, lambda day=day: NOW + day * DAY_SECONDS).keep(f"said on day {day}")  # type: ignore[misc]
    Transcripts(words, 30, lambda: NOW + 39.5 * DAY_SECONDS).forget()
    kept = [each.text for each in words.all()]
    assert kept[-1] == "said on day 39"
    assert kept[0] == "said on day 10"
    assert len(kept) == 30


def test_a_service_that_keeps_no_words_writes_none_and_deletes_what_there_was(words: Words) -> None:
    Transcripts(words, 30, lambda: NOW).keep("how many pods")
    none = Transcripts(words, 0, lambda: NOW + 1)
    assert none.keep("how many nodes") == ""
    none.forget()
    assert list(words.all()) == []


def test_a_secret_that_is_said_is_not_kept(words: Words) -> None:
    Transcripts(words, 30, lambda: NOW).keep(f"set the password = {CANARY} please")
    (kept,) = words.all()
    assert kept.text == "set the password = (hidden) please"
    assert as_said(kept)


def spoken(audit: Audit, sentence: str = "how many pods are there") -> None:
    audit.record("answered", False, {"user": "ann", "transcript": sentence, "status": "SUCCESS"})


def test_the_chain_holds_no_words_and_is_whole_when_they_are_deleted(tmp_path: Path) -> None:
    journal, files = Journal(tmp_path, KEY), WordFiles(tmp_path)
    audit = Audit(journal, now=lambda: NOW, transcripts=Transcripts(files, 30, lambda: NOW))
    spoken(audit, "is the bakery open")
    audit.write({"user": "ann", "command": "cmd_1", "transcript": "yes do it"}, lambda: {"status": 200})
    chain = "\n".join(lines(tmp_path))
    assert "bakery" not in chain
    assert "yes do it" not in chain
    committed = {record_of(line)["words"] for line in lines(tmp_path)}
    assert {each.commitment for each in files.all()} == committed
    assert [each.text for each in files.all()] == ["is the bakery open", "yes do it"]
    files.forget(NOW + DAY_SECONDS)
    assert list(files.all()) == []
    assert verified_folder(tmp_path, KEY) == journal.head


def test_without_a_place_for_words_there_are_none_anywhere(tmp_path: Path) -> None:
    spoken(Audit(Journal(tmp_path, KEY)), "is the bakery open")
    assert not [file for file in tmp_path.rglob("*") if file.is_file() and "bakery" in file.read_text()]


def test_words_that_cannot_be_kept_keep_no_record_from_being_written(tmp_path: Path) -> None:
    (tmp_path / "words").write_text("a file where a folder should be")
    spoken(Audit(Journal(tmp_path, KEY), transcripts=Transcripts(WordFiles(tmp_path), 30)))
    (record,) = last_records(tmp_path, 5)
    assert record["words"] == ""


def test_nobody_else_reads_the_words(tmp_path: Path) -> None:
    WordFiles(tmp_path / "journal").keep(said("how many pods", NOW))
    made = [*(tmp_path / "journal").rglob("*")]
    assert len(made) == 2
    assert all(each.stat().st_mode & 0o077 == 0 for each in made)


def test_what_others_answered_is_recorded_without_its_secrets(tmp_path: Path) -> None:
    audit = Audit(Journal(tmp_path, KEY))
    audit.write({"command": "cmd_1"}, lambda: {"status": 422, "why": f"webhook: token={CANARY}"})
    assert CANARY not in json.dumps(last_records(tmp_path, 5))


def test_a_service_that_nobody_speaks_to_deletes_and_publishes_too(tmp_path: Path) -> None:
    files = WordFiles(tmp_path)
    files.keep(said("said long ago", NOW - 31 * DAY_SECONDS))
    journal, stop, done = Journal(tmp_path, KEY), threading.Event(), threading.Event()
    journal.append({"command": 1})
    heads: list[Head] = []

    def published(head: Head) -> None:
        heads.append(head)
        if len(heads) > 2:  # the first is that of the beginning
            done.set()

    audit = Audit(journal, transcripts=Transcripts(files, 30, lambda: NOW), published=published)
    look_after(audit, stop, every_seconds=0.01)
    assert done.wait(60)
    stop.set()
    assert list(files.all()) == []
    assert set(heads) == {journal.head}


def test_a_file_elsewhere_has_the_checkpoints_and_finds_a_journal_that_was_cut(tmp_path: Path) -> None:
    folder, elsewhere = tmp_path / "journal", tmp_path / "checkpoints"
    journal = Journal(folder, KEY)
    audit = Audit(journal, now=lambda: NOW, published=CheckpointFile(elsewhere, lambda: NOW))
    for _ in range(250):
        spoken(audit)
    audit.look_after()
    heads = list(checkpoints_in(elsewhere))
    assert [each.number for each in heads] == [100, 200, 250]
    assert verified(lines(folder), KEY, checkpoints=heads) == journal.head
    cut = verified(list(lines(folder))[:-1], KEY, checkpoints=heads)
    assert isinstance(cut, Broken)
    assert "250:" in cut.why


def test_a_checkpoint_comes_after_every_hundred_records_also_where_a_change_makes_two(tmp_path: Path) -> None:
    heads: list[Head] = []
    audit = Audit(Journal(tmp_path, KEY), published=heads.append)
    for _ in range(99):
        spoken(audit)
    audit.write({"command": "cmd_1"}, dict)
    assert [head.number for head in heads] == [101]
    for _ in range(100):
        spoken(audit)
    assert [head.number for head in heads] == [101, 201]


def test_checkpoints_that_cannot_be_written_stop_nothing(tmp_path: Path) -> None:
    audit = Audit(Journal(tmp_path, KEY), published=CheckpointFile(tmp_path / "nowhere" / "checkpoints"))
    spoken(audit)
    audit.look_after()
    assert len(last_records(tmp_path, 5)) == 1


@dataclass
class Silent:
    """A journal whose database takes five seconds to say nothing; `waited` is the clock."""

    waited: float = 100.0
    appended: int = 0
    head: Head = field(default_factory=Head)

    def settle(self) -> Head:
        return self.head

    def append(self, record: Mapping[str, Any], *, lasting: bool = True) -> Head:
        self.appended += 1
        self.waited += 5.0
        raise journal_failure("nobody answers", f"Look at it, for {record['event']}.")


def test_questions_wait_once_for_a_journal_that_does_not_answer_and_changes_every_time() -> None:
    silent = Silent()
    audit = Audit(silent, clock=lambda: silent.waited)
    for _ in range(20):
        spoken(audit)
    assert silent.appended == 1
    for _ in range(2):
        with pytest.raises(VoiceApiError, match="nobody answers"):
            audit.write({"command": "cmd_1"}, dict)
    assert silent.appended == 3
    spoken(audit)
    assert silent.appended == 4, "after a while it is asked again"


def test_the_outcome_of_a_change_is_recorded_while_questions_leave_the_journal_alone() -> None:
    silent = Silent()
    audit = Audit(silent, clock=lambda: silent.waited)
    spoken(audit)
    done = {"event": "write", "stage": "after", "command": "cmd_1", "user": "ann", "status": 200, "time": NOW}
    assert audit.found_done(done)["recorded"] is False
    assert silent.appended == 2, "it was asked, though it had just been silent"
    assert [each.command for each in audit.changes("ann", 9)] == ["cmd_1"]


def test_replicas_write_one_chain(database: Callable[[], Engine]) -> None:
    replicas = [SqlJournal(database(), KEY) for _ in range(3)]

    def write(number: int) -> Head:
        return replicas[number % 3].append({"command": number})

    with ThreadPoolExecutor(6) as pool:
        heads = list(pool.map(write, range(60)))
    engine = database()
    assert verified(sql_lines(engine), KEY) == max(heads, key=lambda each: each.number)
    assert sorted(each["command"] for each in last_sql_records(engine, 100)) == list(range(60))
    assert SqlJournal(engine, KEY).append({"command": 60}).number == 61


def test_a_replica_takes_back_what_another_one_did(database: Callable[[], Engine]) -> None:
    here, there = (SqlJournal(database(), KEY) for _ in range(2))
    first, second = (Audit(each, others=each.after) for each in (here, there))
    first.write(
        {"user": "ann", "command": "cmd_1", "function": "scale"}, lambda: {"status": 200, "said": "a"}
    )
    second.write(
        {"user": "ann", "command": "cmd_2", "function": "pause"}, lambda: {"status": 200, "said": "b"}
    )
    for audit in (first, second):
        for _ in range(2):
            assert [each.command for each in audit.changes("ann", 9)] == ["cmd_2", "cmd_1"], "the last first"


@pytest.mark.parametrize(
    ("statement", "why"),
    [
        ("UPDATE command_journal SET line = replace(line, '1', '7') WHERE number = 2", "record 2 is broken"),
        ("DELETE FROM command_journal WHERE number = 2", "record 2 is broken"),
        ("DELETE FROM command_journal WHERE number = 3", "its end is missing"),
    ],
)
def test_a_table_that_somebody_changed_is_not_gone_on_with(
    database: Callable[[], Engine], statement: str, why: str
) -> None:
    engine = database()
    journal = SqlJournal(engine, KEY)
    for number in (1, 2, 3):
        journal.append({"command": number})
    with engine.begin() as connection:
        connection.execute(text(statement))
    with pytest.raises(VoiceApiError, match=why):
        SqlJournal(database(), KEY)


def test_a_database_that_is_gone_lets_nothing_be_done(tmp_path: Path) -> None:
    engine = sqlite_engine(tmp_path / "journal.sqlite", WAIT_SECONDS)
    audit, acted = Audit(SqlJournal(engine, KEY)), list[int]()

    def act() -> dict[str, int]:
        acted.append(1)
        return {"status": 200}

    with engine.begin() as connection:
        connection.execute(text("DROP TABLE command_journal"))
    with pytest.raises(VoiceApiError, match="cannot be kept"):
        audit.write({"command": "cmd_1"}, act)
    assert not acted
    spoken(audit)  # what only reads goes on

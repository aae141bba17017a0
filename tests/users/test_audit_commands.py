"""voice-api audit: what was said is shown while it is kept, and whoever changes it is found out."""

from collections.abc import Callable
from pathlib import Path

import pytest

from voice_api.__main__ import main
from voice_api.acting import derived
from voice_api.commands.journal import words
from voice_api.commands.journal.words import WordFiles
from voice_api.recording import opened_audit
from voice_api.settings import Settings, surroundings
from voice_api.users.file import read_book

Audit = Callable[..., tuple[int, str, str]]
SENTENCES = ("how many pods are in the bakery", "scale the oven to four", "yes")


@pytest.fixture
def audit(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Audit:
    """The program, with the journal of a service that was spoken to three times, and has ended."""
    users = ("--users-file", str(tmp_path / "users.json"))
    assert main(["user", "add", "ann", "--role", "operator", *users]) == 0
    settings = Settings(
        users_file=str(tmp_path / "users.json"),
        journal_folder=str(tmp_path / "journal"),
        checkpoint_file=str(tmp_path / "checkpoints"),
    )
    service = opened_audit(settings, surroundings(), derived(read_book(tmp_path / "users.json"), "journal"))
    for sentence in SENTENCES:
        service.record("answered", False, {"user": "ann", "status": "SUCCESS", "transcript": sentence})
    service.look_after()
    capsys.readouterr()

    def run(*arguments: str) -> tuple[int, str, str]:
        code = main(["audit", *arguments, *users, "--journal-folder", str(tmp_path / "journal")])
        said = capsys.readouterr()
        return code, said.out, said.err

    return run


def test_words_are_shown_to_who_asks_for_them(audit: Audit) -> None:
    code, shown, _ = audit("show", "--words")
    assert code == 0
    assert [line.split("\t")[-1] for line in shown.splitlines()] == list(SENTENCES)
    assert "bakery" not in audit("show")[1] + audit("export")[1]


def test_a_journal_verifies_with_its_words_without_them_and_through_its_checkpoints(
    audit: Audit, tmp_path: Path
) -> None:
    code, head, said = audit("verify", "--checkpoints", str(tmp_path / "checkpoints"))
    assert code == 0, said
    assert "3 records, and what was said in 3 of them" in said
    assert (tmp_path / "checkpoints").read_text().split()[0] == head.strip()
    for file in (tmp_path / "journal" / "words").iterdir():
        file.unlink()
    code, again, said = audit("verify")
    assert (code, again) == (0, head)
    assert "what was said in 0 of them" in said
    assert [line.split("\t")[-1] for line in audit("show", "--words")[1].splitlines()] == ["-"] * 3


def test_a_service_that_ends_publishes_what_came_after_its_last_checkpoint(tmp_path: Path) -> None:
    settings = Settings(journal_folder=str(tmp_path / "journal"), checkpoint_file=str(tmp_path / "heads"))
    service = opened_audit(settings, surroundings(), b"k" * 32)
    service.record("answered", False, {"user": "ann", "transcript": SENTENCES[0]})
    assert not (tmp_path / "heads").exists()
    service.end()
    assert (tmp_path / "heads").read_text().startswith("1:")


@pytest.mark.parametrize(("before", "after"), [("oven", "shop"), ('"salt": "', '"salt": "0'), ('{"c', '{"x')])
def test_words_that_were_changed_are_found(audit: Audit, tmp_path: Path, before: str, after: str) -> None:
    (file,) = (tmp_path / "journal" / "words").iterdir()
    file.write_text(file.read_text().replace(before, after, 1))
    code, _, said = audit("verify")
    assert code == 1
    assert "was not said so" in said


def test_words_that_nobody_said_are_found(audit: Audit, tmp_path: Path) -> None:
    WordFiles(tmp_path / "journal").keep(words.said("delete everything", 1.0))
    assert audit("verify")[0] == 1


def test_a_journal_that_was_cut_does_not_lead_through_its_checkpoints(audit: Audit, tmp_path: Path) -> None:
    (file,) = (tmp_path / "journal").glob("journal-*.jsonl")
    file.write_text("".join(file.read_text().splitlines(keepends=True)[:-1]))
    assert audit("verify")[0] == 1, "words without a record"
    for each in (tmp_path / "journal" / "words").iterdir():
        each.unlink()
    assert audit("verify")[0] == 0, "a chain alone cannot show that its end is missing"
    code, _, said = audit("verify", "--checkpoints", str(tmp_path / "checkpoints"))
    assert code == 1
    assert "the checkpoint 3:" in said


@pytest.mark.parametrize("content", ["3", "x:y", "3:" + "a" * 63, "\xff"])
def test_a_file_that_has_no_checkpoints_is_told(audit: Audit, tmp_path: Path, content: str) -> None:
    (tmp_path / "odd").write_text(content, encoding="latin-1")
    code, _, said = audit("verify", "--checkpoints", str(tmp_path / "odd"))
    assert code == 2
    assert "fix: " in said


def test_what_people_said_moves_no_terminal(audit: Audit, tmp_path: Path) -> None:
    (file,) = (tmp_path / "journal" / "words").iterdir()
    file.write_text(file.read_text().replace("bakery", "bakery\\u001b[2J\\u202e"))
    shown = audit("show", "--words")[1]
    assert "bakery" in shown
    assert "\x1b" not in shown
    assert "\u202e" not in shown

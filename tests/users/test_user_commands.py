"""voice-api user and audit, as somebody types them."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from voice_api.acting import derived
from voice_api.commands.audit import Audit
from voice_api.commands.journal.file import Journal
from voice_api.users.file import read_book
from voice_api.users.speaker import Known


def voice_api(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {
        "KVX_VOICE_USERS_FILE": str(folder / "users.json"),
        "KVX_VOICE_JOURNAL_FOLDER": str(folder / "journal"),
        "PATH": "/usr/bin:/bin",
    }
    command = [sys.executable, "-m", "voice_api", *arguments]
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=False)


def well(folder: Path, *arguments: str) -> str:
    ended = voice_api(folder, *arguments)
    assert ended.returncode == 0, ended.stderr
    return ended.stdout.strip()


def test_a_user_is_added_let_in_listed_and_revoked(tmp_path: Path) -> None:
    key = well(
        tmp_path, "user", "add", "ann", "--role", "operator", "--environment", "staging", "--group", "shop"
    )
    token = well(tmp_path, "user", "token", "ann", "--hours", "2")
    users = Known(lambda: read_book(tmp_path / "users.json"))
    for presented in (key, token):
        assert users.speaker_of(f"Bearer {presented}").groups == ("shop",)
    listed = well(tmp_path, "user", "list")
    assert listed.split("\t")[:4] == ["ann", "operator", "staging", "shop"]
    assert key.rpartition("_")[2] not in listed + (tmp_path / "users.json").read_text()
    well(tmp_path, "user", "revoke", "ann")
    assert well(tmp_path, "user", "list") == ""


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (("user", "add", "Ann!"), 2, "a user cannot be called"),
        (
            ("user", "add", "ann", "--group", "system:masters"),
            3,
            "nobody is impersonated as 'system:masters'",
        ),
        (("user", "token", "nobody"), 3, "there is no user nobody"),
        (("user", "list"), 3, "cannot be used"),
        (("audit", "show"), 3, "there is no journal"),
    ],
)
def test_what_cannot_be_is_told_with_what_to_type(
    tmp_path: Path, arguments: tuple[str, ...], code: int, said: str
) -> None:
    ended = voice_api(tmp_path, *arguments)
    assert ended.returncode == code
    assert said in ended.stderr
    assert "fix: " in ended.stderr
    assert "Traceback" not in ended.stderr


def test_the_journal_is_shown_counted_and_verified_and_one_changed_byte_is_found(tmp_path: Path) -> None:
    well(tmp_path, "user", "add", "ann")
    journal = Journal(tmp_path / "journal", derived(read_book(tmp_path / "users.json"), "journal"))
    audit = Audit(journal)
    for status in ("SUCCESS", "SUCCESS", "NEEDS_CLARIFICATION"):
        audit.record("answered", False, {"user": "ann", "function": "count", "status": status})
    audit.write(
        {"user": "ann", "command": "cmd_1", "function": "scale"}, lambda: {"status": 200, "said": "done"}
    )
    journal.close()
    head = well(tmp_path, "audit", "verify")
    assert head.startswith("5:")
    assert [line.split("\t")[1] for line in well(tmp_path, "audit", "show").splitlines()][-2:] == [
        "write/before",
        "write/after",
    ]
    counted = json.loads(well(tmp_path, "audit", "stats", "--days", "7"))
    assert counted["functions"] == [["count", 3], ["scale", 1]]
    assert (counted["turns"], counted["success_rate"], counted["clarification_rate"]) == (3, 0.6667, 0.3333)
    assert (counted["writes"], counted["unfinished"]) == (1, 0)
    assert len(well(tmp_path, "audit", "export").splitlines()) == 5
    file = next((tmp_path / "journal").glob("*.jsonl"))
    file.write_text("".join(file.read_text().splitlines(keepends=True)[:4]))
    assert voice_api(tmp_path, "audit", "verify").returncode == 0
    cut = voice_api(tmp_path, "audit", "verify", "--checkpoint", head)
    assert (cut.returncode, "does not lead through the checkpoint" in cut.stderr) == (1, True)
    file.write_text(file.read_text().replace("count", "coumt", 1))
    changed = voice_api(tmp_path, "audit", "verify")
    assert (changed.returncode, "broken at its line 1" in changed.stderr) == (1, True)


def test_users_of_an_identity_provider_have_no_key_and_are_kept_out_when_revoked(tmp_path: Path) -> None:
    adds = ("user", "add", "oidc:Ann/1", "--role", "operator", "--environment", "staging")
    assert well(tmp_path, *adds) == ""
    assert well(tmp_path, "user", "add", "oidc-group:sre", "--environment", "staging") == ""
    assert voice_api(tmp_path, "user", "token", "oidc:Ann/1").returncode == 2
    well(tmp_path, "user", "revoke", "oidc:Ann/1")
    well(tmp_path, "user", "revoke", "oidc:bob")
    book = read_book(tmp_path / "users.json")
    assert [(each.name, each.roles, each.keys) for each in book.users] == [
        ("oidc-group:sre", ("viewer",), ()),
        ("oidc:Ann/1", (), ()),
        ("oidc:bob", (), ()),
    ]

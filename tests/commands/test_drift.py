"""What a plan of Terraform tells about drift, and whose machines a folder is about."""

import json
from pathlib import Path
from typing import Any

import pytest

from kvx.drivers import account_record
from kvx.drivers.drifting import Difference, differences_of
from kvx.errors import ExitCode, KvxError
from kvx.machines.fleet import Account
from kvx.secret import Secret


def change(actions: list[str], **values: Any) -> dict[str, Any]:
    named = {"address": 'hcloud_server.node["workers-1"]', "type": "hcloud_server", "name": "node"}
    return named | {"index": "workers-1", "change": {"actions": actions} | values}


@pytest.mark.parametrize(
    ("actions", "words"),
    [
        (["create"], "is gone"),
        (["delete"], "is not wanted any more"),
        (["update"], "differs: labels, server_type"),
        (["delete", "create"], "differs: labels, server_type"),
    ],
)
def test_a_change_in_the_plan_is_a_difference_in_words(actions: list[str], words: str) -> None:
    before = {"labels": {}, "server_type": "cax11", "name": "a"}
    after = {"labels": {"a": "b"}, "server_type": "cax21", "name": "a"}
    plan = {"resource_changes": [change(actions, before=before, after=after)]}
    assert differences_of(plan) == (Difference('hcloud_server.node["workers-1"]', "server workers-1", words),)


def test_no_value_is_told_for_it_may_be_a_secret() -> None:
    plan = {
        "resource_changes": [change(["update"], before={"user_data": "a"}, after={"user_data": "hidden"})]
    }
    assert "hidden" not in repr(differences_of(plan))


@pytest.mark.parametrize("actions", [["no-op"], ["read"]])
def test_what_stays_as_it_is_is_no_difference(actions: list[str]) -> None:
    assert differences_of({"resource_changes": [change(actions)]}) == ()


def test_what_is_only_in_the_state_is_no_difference() -> None:
    thing = change(["update"], before={}, after={"input": 1}) | {"type": "terraform_data"}
    assert differences_of({"resource_changes": [thing]}) == ()


REAL = Account(Secret("a" * 64))
REHEARSED = Account(Secret("b" * 64), "http://127.0.0.1:4711/v1")
ELSEWHERE = Account(Secret("c" * 64), "https://hetzner.example.com/v1")


@pytest.mark.parametrize(("first", "second"), [(REAL, REHEARSED), (REHEARSED, REAL), (REAL, ELSEWHERE)])
def test_a_folder_is_about_the_machines_of_one_account(
    tmp_path: Path, first: Account, second: Account
) -> None:
    account_record.remember(tmp_path, first)
    account_record.check(tmp_path, first)
    for use in (account_record.check, account_record.remember):
        with pytest.raises(KvxError, match="holds what is known of machines at") as caught:
            use(tmp_path, second)
        assert caught.value.exit_code is ExitCode.MISSING


def test_a_simulation_that_comes_back_on_another_port_is_the_same_one(tmp_path: Path) -> None:
    account_record.remember(tmp_path, REHEARSED)
    account_record.check(tmp_path, Account(None, "http://localhost:99/v1"))


def test_the_record_holds_no_token_and_nobody_else_reads_it(tmp_path: Path) -> None:
    account_record.remember(tmp_path / "hetzner", REAL)
    record = tmp_path / "hetzner/account.json"
    assert json.loads(record.read_text()) == {
        "schema": "kvx/account/v1",
        "endpoint": None,
        "behind": "Hetzner",
    }
    assert (record.stat().st_mode & 0o777, record.parent.stat().st_mode & 0o777) == (0o600, 0o700)


def test_a_record_that_cannot_be_read_stops_everything(tmp_path: Path) -> None:
    (tmp_path / "account.json").write_text("{")
    with pytest.raises(KvxError, match="says whose machines these are"):
        account_record.check(tmp_path, REAL)

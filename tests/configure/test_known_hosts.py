"""A machine that was made anew is known by the key it was made with, not by one that another had made."""

import json
from pathlib import Path
from typing import Any

import pytest

from kvx.drivers.known_hosts import forget_machines_that_are_gone


def provision(**ids: int) -> dict[str, Any]:
    """Machines by their last byte, `a1=7` is server 7 at 203.0.113.1 and 10.0.0.1."""
    nodes = {
        name: {"id": id_, "public_ip": f"203.0.113.{name[1:]}", "private_ip": f"10.0.0.{name[1:]}"}
        for name, id_ in ids.items()
    }
    return {"nodes": nodes}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "provision.json").write_text(json.dumps(provision(a1=71, a2=72)))
    (tmp_path / "known_hosts.d").mkdir()
    for address in ("203.0.113.1", "203.0.113.2", "10.0.0.2", "198.51.100.9"):
        (tmp_path / "known_hosts.d" / address).write_text(address)
    return tmp_path


def left(folder: Path) -> set[str]:
    return {path.name for path in (folder / "known_hosts.d").iterdir()}


def test_machines_that_live_on_keep_their_keys(folder: Path) -> None:
    assert forget_machines_that_are_gone(folder, provision(a1=71, a2=72, a3=73)) == ()
    assert len(left(folder)) == 4


def test_another_machine_at_the_same_address_is_not_taken_for_the_one_before(folder: Path) -> None:
    assert forget_machines_that_are_gone(folder, provision(a1=71, a2=99)) == ("203.0.113.2", "10.0.0.2")
    assert left(folder) == {"203.0.113.1", "198.51.100.9"}


def test_a_machine_that_is_gone_is_forgotten(folder: Path) -> None:
    forget_machines_that_are_gone(folder, provision(a1=71))
    assert left(folder) == {"203.0.113.1", "198.51.100.9"}


@pytest.mark.parametrize("text", ["", "{", "[]"])
def test_without_knowing_what_was_before_nothing_is_forgotten(folder: Path, text: str) -> None:
    """It is then refused as a wrong host key, which is safe, and names the file."""
    (folder / "provision.json").write_text(text)
    assert forget_machines_that_are_gone(folder, provision(a1=99)) == ()
    assert len(left(folder)) == 4

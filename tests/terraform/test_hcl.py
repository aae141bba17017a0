"""terraform/ as text and as Terraform understands it: well formed, closed, its own tests green."""

import json
import re
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from conftest import Workspace

SOURCE = Path(__file__).parents[2] / "terraform"
FILES = sorted((*SOURCE.glob("*.tf"), *SOURCE.glob("tests/*.hcl")))
TESTS = sorted((SOURCE / "tests").glob("*.tftest.hcl"))
MOST_LINES = 300

pytestmark = pytest.mark.needs("terraform", "hcloud-provider")


def test_it_is_formatted_as_terraform_formats(checked: "Workspace") -> None:
    assert checked.done("fmt", "-check", "-recursive", "-diff") == ""


def test_it_is_valid(checked: "Workspace") -> None:
    verdict = json.loads(checked.done("validate", "-json"))
    assert (verdict["valid"], verdict["warning_count"]) == (True, 0), verdict["diagnostics"]


def test_it_takes_one_provider_in_one_version(checked: "Workspace") -> None:
    selected = json.loads(checked.done("version", "-json"))["provider_selections"]
    assert [(name.split("/")[1:], version) for name, version in selected.items()] == [
        (["hetznercloud", "hcloud"], "1.68.0")
    ]


def test_it_runs_nothing_on_any_machine() -> None:
    text = "\n".join(path.read_text() for path in SOURCE.glob("*.tf"))
    assert not re.findall(r"provisioner|local-exec|remote-exec|\bconnection\b|data \"external\"", text)


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_a_file_begins_with_what_it_is_for_and_is_short(path: Path) -> None:
    lines = path.read_text().splitlines()
    assert re.fullmatch(r"# [A-Z].{10,160}[.]", lines[0]), lines[0]
    assert len(lines) <= MOST_LINES


def test_every_variable_is_described_and_checked() -> None:
    text = "\n".join(path.read_text() for path in SOURCE.glob("variables*.tf"))
    blocks = dict(re.findall(r'^variable "(\w+)" \{\n(.*?)^\}$', text, re.MULTILINE | re.DOTALL))
    assert len(blocks) > 20
    assert [name for name, block in blocks.items() if "description" not in block] == []
    unchecked = [name for name, block in blocks.items() if "validation {" not in block]
    # True or false needs no check, and a folder is looked into where its files are needed.
    assert unchecked == [name for name in blocks if "bool" in blocks[name] or name == "host_keys_folder"]


@pytest.mark.timeout(600)
@pytest.mark.parametrize("path", TESTS, ids=lambda path: path.name.removesuffix(".tftest.hcl"))
def test_its_own_tests_are_green(checked: "Workspace", path: Path) -> None:
    told = checked.done("test", f"-filter=tests/{path.name}")
    runs = len(re.findall(r"^run ", path.read_text(), re.MULTILINE))
    assert f"Success! {runs} passed, 0 failed." in told

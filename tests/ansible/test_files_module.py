"""The module kvx_files: writes what differs, each file in one step, and knows who has not read it yet."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

MODULE = Path(__file__).parents[2] / "ansible" / "library" / "kvx_files.py"
READERS = Path("/var/lib/kvx/readers")

pytestmark = pytest.mark.needs("root")


@pytest.fixture
def write() -> Callable[..., dict[str, Any]]:
    def run(*files: dict[str, Any], check: bool = False) -> dict[str, Any]:
        arguments = {"files": list(files), "_ansible_check_mode": check, "_ansible_remote_tmp": "/tmp"}
        done = subprocess.run(
            [sys.executable, "-c", PROGRAM, str(MODULE)],
            input=json.dumps(arguments),
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        return dict(json.loads(done.stdout))

    return run


# Ansible hands a module its arguments this way.
PROGRAM = """
import json, runpy, sys
from ansible.module_utils import basic
from ansible.module_utils.testing import patch_module_args
with patch_module_args(json.load(sys.stdin)):
    runpy.run_path(sys.argv[1], run_name='__main__')
"""


def test_what_differs_is_written_once(write: Callable[..., dict[str, Any]], tmp_path: Path) -> None:
    file = {"path": str(tmp_path / "new" / "a"), "content": "one\n", "mode": "0640"}
    first, second = write(file), write(file)
    assert (first["changed"], first["paths"]) == (True, [file["path"]])
    assert second["changed"] is False
    assert (tmp_path / "new" / "a").read_text() == "one\n"
    assert (tmp_path / "new" / "a").stat().st_mode & 0o777 == 0o640


def test_a_check_shows_the_difference_and_writes_nothing(
    write: Callable[..., dict[str, Any]], tmp_path: Path
) -> None:
    (tmp_path / "a").write_text("old\n")
    file = {"path": str(tmp_path / "a"), "content": "new\n", "reader": "somebody-of-a-test"}
    said = write(file, {"path": str(tmp_path / "folder"), "state": "directory"}, check=True)
    assert said["changed"] is True
    assert (said["diff"][0]["before"], said["diff"][0]["after"]) == ("old\n", "new\n")
    assert (tmp_path / "a").read_text() == "old\n"
    assert [path.name for path in tmp_path.iterdir()] == ["a"]
    assert not (READERS / "somebody-of-a-test.wanted").exists()


def test_what_is_not_valid_leaves_the_file_as_it_was(
    write: Callable[..., dict[str, Any]], tmp_path: Path
) -> None:
    (tmp_path / "a").write_text("old\n")
    said = write({"path": str(tmp_path / "a"), "content": "new\n", "validate": "grep -q old %s"})
    assert said["failed"] is True
    assert "would not be valid" in said["msg"]
    assert (tmp_path / "a").read_text() == "old\n"
    assert [path.name for path in tmp_path.iterdir()] == ["a"]


def test_links_folders_and_what_is_to_be_gone(write: Callable[..., dict[str, Any]], tmp_path: Path) -> None:
    (tmp_path / "old").write_text("x")
    (tmp_path / "own").write_text("a program of somebody else")
    files = [
        {"path": str(tmp_path / "link"), "state": "link", "target": "somewhere"},
        {"path": str(tmp_path / "own"), "state": "link", "target": "somewhere", "replace": False},
        {"path": str(tmp_path / "folder"), "state": "directory", "mode": "0700"},
        {"path": str(tmp_path / "old"), "state": "absent"},
    ]
    assert len(write(*files)["paths"]) == 3
    assert os.readlink(tmp_path / "link") == "somewhere"  # noqa: PTH115 -- a dangling link
    assert (tmp_path / "own").read_text() == "a program of somebody else"
    assert (tmp_path / "folder").stat().st_mode & 0o777 == 0o700
    assert not (tmp_path / "old").exists()
    assert write(*files)["changed"] is False


def test_a_reader_is_named_until_it_has_read(write: Callable[..., dict[str, Any]], tmp_path: Path) -> None:
    file = {"path": str(tmp_path / "a"), "content": "one\n", "reader": "reader-of-a-test"}
    done = READERS / "reader-of-a-test"
    wanted = READERS / "reader-of-a-test.wanted"
    try:
        assert write(file)["outdated"] == ["reader-of-a-test"]
        again = write(file)
        assert (again["changed"], again["outdated"], again["paths"]) == (True, ["reader-of-a-test"], [])
        wanted.rename(done)
        assert write(file)["changed"] is False
        assert write(file | {"content": "two\n"})["outdated"] == ["reader-of-a-test"]
    finally:
        done.unlink(missing_ok=True)
        wanted.unlink(missing_ok=True)


def test_a_disk_that_is_full_is_said_and_nothing_is_half_written(
    write: Callable[..., dict[str, Any]], disk_of: Callable[[str], Path]
) -> None:
    disk = disk_of("16k")
    (disk / "a").write_text("old\n")
    said = write({"path": str(disk / "a"), "content": "x" * 100_000})
    assert said["failed"] is True
    assert "No space left on device. Look at the disk of the node" in said["msg"]
    assert (disk / "a").read_text() == "old\n"
    assert [path.name for path in disk.iterdir()] == ["a"]

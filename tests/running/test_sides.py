"""Each test is run by one side, and a side reads no more files than it must."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

TESTS = Path(__file__).parents[1]
NAMED = '@pytest.mark.needs("node")\ndef test_on_a_node() -> None: ...\n'
UNNAMED = '@pytest.mark.needs("no" + "de")\ndef test_on_a_node() -> None: ...\n'
FREE = "def test_anywhere() -> None: ...\n"


def collected(folder: Path, side: str) -> list[str]:
    """The files of which this side would run tests, by the hooks of tests/conftest.py."""
    ended = collecting(folder, side)
    assert ended.returncode in (pytest.ExitCode.OK, pytest.ExitCode.NO_TESTS_COLLECTED), ended.stdout
    return [line.partition(":")[0] for line in ended.stdout.splitlines() if line.endswith(": 1")]


def collecting(folder: Path, side: str) -> subprocess.CompletedProcess[str]:
    asked = ["--collect-only", "-qq", "--import-mode=importlib", "-c", "/dev/null", "-p", "conftest"]
    return subprocess.run(
        [sys.executable, "-m", "pytest", *asked, f"--rootdir={folder}", f"--side={side}", str(folder)],
        env=os.environ | {"PYTHONPATH": str(TESTS)},
        cwd=TESTS,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


@pytest.mark.parametrize("text_beside", ["", '"node"'])
def test_a_test_is_run_by_the_side_that_its_file_or_the_conftest_beside_it_names(
    tmp_path: Path, text_beside: str
) -> None:
    (tmp_path / "conftest.py").write_text(f"NEEDED = {text_beside or None}\n")
    (tmp_path / "test_free.py").write_text(FREE)
    text = f"import pytest\n{UNNAMED if text_beside else NAMED}"
    (tmp_path / "test_node.py").write_text(text)
    assert collected(tmp_path, "node") == ["test_node.py"]
    assert collected(tmp_path, "others") == ["test_free.py"]
    assert collected(tmp_path, "hosts") == []


def test_a_test_that_its_side_would_never_see_is_refused(tmp_path: Path) -> None:
    (tmp_path / "test_free.py").write_text(FREE)
    (tmp_path / "test_node.py").write_text(f"import pytest\n{UNNAMED}")
    refused = collecting(tmp_path, "others")
    assert refused.returncode == pytest.ExitCode.USAGE_ERROR
    assert f"needs(...) is not written in the file: {tmp_path / 'test_node.py'}" in refused.stderr


def test_a_file_that_names_nothing_of_a_side_is_not_read_by_it(tmp_path: Path) -> None:
    (tmp_path / "test_broken.py").write_text("raise SystemError\n")
    (tmp_path / "test_node.py").write_text(f"import pytest\n{NAMED}")
    assert collected(tmp_path, "node") == ["test_node.py"]
    assert collecting(tmp_path, "others").returncode == pytest.ExitCode.INTERRUPTED

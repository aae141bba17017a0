"""The package as a whole: it stands alone, and it answers quickly."""

import ast
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

import kvx_rehearsal

if TYPE_CHECKING:
    from conftest import Program

PACKAGE = Path(kvx_rehearsal.__file__).parent
# Far above the 1 to 4 ms a call takes, below the 40 ms of a socket that waits for more to send.
QUICK_SECONDS = 0.025


def test_nothing_of_kvx_is_imported() -> None:
    """It reads one data file of kvx and no code."""
    names = {
        name
        for path in PACKAGE.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        for name in _imported(node)
    }
    assert not {name for name in names if name == "kvx" or name.startswith("kvx.")}
    assert "kvx_rehearsal.store" in names


def _imported(node: ast.AST) -> list[str]:
    match node:
        case ast.Import(names=names):
            return [alias.name for alias in names]
        case ast.ImportFrom(module=str(module)):
            return [module]
    return []


def test_a_call_takes_a_few_milliseconds(program: "Program") -> None:
    """The quickest of many, because this machine has other work too."""
    with program.http() as http:
        took = []
        for number in range(20):
            began = time.perf_counter()
            made = http.post("/placement_groups", json={"name": f"g{number}", "type": "spread"})
            took.append(time.perf_counter() - began)
            assert made.status_code == 201
    assert min(took) < QUICK_SECONDS


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_it_ends_quietly_when_it_is_told_to(tmp_path: Path, number: signal.Signals) -> None:
    command = [sys.executable, "-m", "kvx_rehearsal", "--state", str(tmp_path / "state")]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdout=pipe, stderr=pipe, text=True) as process:
        assert process.stdout is not None
        process.stdout.readline()
        process.send_signal(number)
        _, talk = process.communicate(timeout=60)
    assert (process.returncode, talk) == (0, "")


def test_a_taken_port_is_said(program: "Program", tmp_path: Path) -> None:
    port = program.address.removesuffix("/v1").rpartition(":")[2]
    command = [sys.executable, "-m", "kvx_rehearsal", "--state", str(tmp_path / "other"), "--port", port]
    run = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert run.returncode == 1
    assert "Address already in use" in run.stderr
    assert "Traceback" not in run.stderr

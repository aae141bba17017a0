"""The package as a whole: it stands alone, and it answers quickly."""

import ast
import time
from pathlib import Path
from typing import TYPE_CHECKING

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

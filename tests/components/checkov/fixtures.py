"""checkov in an environment of its own, made by `environment` above this file."""

import json
import os
import subprocess
from functools import cache
from pathlib import Path
from typing import Any

INSTALL = (Path(__file__).parents[1] / "environment", "checkov")
SCAN_SECONDS = 120


def missing(name: str = "checkov") -> str | None:
    """Why checkov cannot be run, None if it can. For COMPONENTS of tests/conftest.py."""
    return None if python().is_file() else f"{name} is not installed; run {' '.join(map(str, INSTALL))}"


@cache
def python() -> Path:
    """The Python that has checkov."""
    told = subprocess.run([*INSTALL, "--where"], check=True, capture_output=True, text=True)
    return Path(told.stdout.strip()) / "bin" / "python"


def scan(*arguments: str, policies: Path) -> dict[str, list[tuple[str, str]]]:
    """The checks (id, resource) by their verdict: passed, failed, skipped; nothing leaves the machine."""
    fixed = ("--external-checks-dir", str(policies), "--skip-download", "--compact", "--output", "json")
    run = subprocess.run(
        [str(python()), "-m", "checkov.main", *arguments, *fixed],
        env={**os.environ, "LOG_LEVEL": "ERROR"},
        capture_output=True,
        text=True,
        check=False,
        timeout=SCAN_SECONDS,
    )
    assert run.returncode in (0, 1), run.stderr
    reports: Any = json.loads(run.stdout)
    results = [report["results"] for report in (reports if isinstance(reports, list) else [reports])]
    return {
        verdict: [
            (check["check_id"], check["resource"]) for each in results for check in each[f"{verdict}_checks"]
        ]
        for verdict in ("passed", "failed", "skipped")
    }

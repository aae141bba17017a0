"""kubernetes-validate in an environment of its own, made by `environment` above this file."""

import subprocess
from functools import cache
from pathlib import Path

INSTALL = (Path(__file__).parents[1] / "environment", "kubernetes-validate")
CHECK_SECONDS = 120


def missing(name: str = "kubernetes-validate") -> str | None:
    """Why it cannot be run, None if it can. For COMPONENTS of tests/conftest.py."""
    return None if python().is_file() else f"{name} is not installed; run {' '.join(map(str, INSTALL))}"


@cache
def python() -> Path:
    """The Python that has it."""
    told = subprocess.run([*INSTALL, "--where"], check=True, capture_output=True, text=True)
    return Path(told.stdout.strip()) / "bin" / "python"


def complaints(manifests: Path, version: str) -> list[str]:
    """What the strict schemas of a Kubernetes version say against the file; kinds unknown to them pass."""
    run = subprocess.run(
        [
            *(str(python()), "-m", "kubernetes_validate"),
            *("--strict", "--quiet", "--kubernetes-version", version, str(manifests)),
        ],
        capture_output=True,
        text=True,
        check=False,
        timeout=CHECK_SECONDS,
    )
    lines = (run.stdout + run.stderr).splitlines()
    assert run.returncode == 0 or lines
    return lines

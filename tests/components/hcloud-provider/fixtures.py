"""The real hcloud provider, made by `build` beside this file, and how Terraform is told of it."""

import os
import subprocess
from functools import cache
from pathlib import Path

BUILD = Path(__file__).with_name("build")


def missing(name: str = "hcloud-provider") -> str | None:
    """Why Terraform cannot use the provider, None if it can. For COMPONENTS of tests/conftest.py."""
    return None if configuration().is_file() else f"{name} is not built; run {BUILD}"


@cache
def folder() -> Path:
    """The folder in which `build` keeps what it made."""
    return Path(subprocess.run([BUILD, "--where"], check=True, capture_output=True, text=True).stdout.strip())


def configuration() -> Path:
    """Terraform's own configuration: providers come from the mirror and from nowhere else."""
    return folder() / "terraform.rc"


def environment(**more: str) -> dict[str, str]:
    """For a Terraform that uses the mirror and nobody's account: this process's environment, and `more`."""
    kept = {key: value for key, value in os.environ.items() if not key.startswith(("TF_", "HCLOUD_"))}
    return {
        **kept,
        "TF_CLI_CONFIG_FILE": str(configuration()),
        "TF_IN_AUTOMATION": "1",
        "CHECKPOINT_DISABLE": "1",
        **more,
    }

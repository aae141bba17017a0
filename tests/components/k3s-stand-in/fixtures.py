"""Says whether the stand-in of k3s has been built, by `build` beside this file."""

import sys
from pathlib import Path

sys.path.append(str(Path(__file__).parent))

from stand_in_cluster import BUILD, VERSIONS, WITH_CONTAINERS, release, with_containers


def missing(name: str = "k3s-stand-in") -> str | None:
    """Why the stand-in cannot be used, None if it can. For COMPONENTS of tests/conftest.py."""
    complete = all((release(version) / "sha256sum-amd64.txt").is_file() for version in VERSIONS)
    return None if complete else f"{name} is not built; run {BUILD}"


def missing_with_containers(name: str = "k3s-with-containers") -> str | None:
    """Why there is none whose nodes run containers, None if there is. For COMPONENTS of tests/conftest.py."""
    return None if with_containers().is_dir() else f"{name} is not built; run {WITH_CONTAINERS}"

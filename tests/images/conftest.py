"""Somebody who builds images with kvx."""

import sys
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from as_a_user import User, cloned


@pytest.fixture(scope="session")
def clone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Of kvx, for those who build from it: nobody commits to it meanwhile; mark tests needs("git")."""
    return cloned(tmp_path_factory.mktemp("clone") / "kvx")


@pytest.fixture
def user(tmp_path: Path, clone: Path, workshop: Any) -> User:
    """In an empty folder; mark tests needs("images", "docker", "git")."""
    return User(tmp_path, clone, workshop)

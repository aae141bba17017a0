"""Test hosts for pytest: a fleet of three servers and two agents, shared by all tests of the session."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

sys.path.append(str(Path(__file__).parent))

from systemd_hosts import lifecycle, template
from systemd_hosts.fleet import Fleet

# A fleet made by hand is number 0 unless asked otherwise.
FLEET = 50
COUNT = 5


def missing(name: str = "hosts") -> str | None:
    """Why hosts cannot stand here, None if they can. For COMPONENTS of tests/conftest.py."""
    if not template.template_folder("amd64").is_dir():
        return f"{name} have no root file system yet; run {Path(__file__).with_name('build')}"
    return lifecycle.missing()


@pytest.fixture(scope="session")
def hosts() -> Iterator[Fleet]:
    """Fresh hosts; mark tests needs("hosts")."""
    lifecycle.bring_down(FLEET)
    try:
        yield lifecycle.bring_up(FLEET, COUNT)
    finally:
        lifecycle.bring_down(FLEET)

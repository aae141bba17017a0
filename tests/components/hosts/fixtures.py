"""Test hosts for pytest: a fleet of three servers and two agents, shared by all tests of a module."""

import fcntl
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

sys.path.append(str(Path(__file__).parent))

from rented_hosts import cloud_init
from systemd_hosts import lifecycle, template
from systemd_hosts.fleet import Fleet

BUILD = Path(__file__).with_name("build")
# A fleet made by hand is number 0 unless asked otherwise.
FLEET = 50
COUNT = 5


def missing(name: str = "hosts") -> str | None:
    """Why hosts cannot stand here, None if they can. For COMPONENTS of tests/conftest.py."""
    if not template.template_folder("amd64").is_dir():
        return f"{name} have no root file system yet; run {BUILD}"
    return lifecycle.missing()


def rented_missing(name: str = "rented-hosts") -> str | None:
    """The same for hosts that a simulated Hetzner rents out: they read user data by cloud-init."""
    built = cloud_init.layer_folder("amd64").is_dir()
    return missing(name) or (None if built else f"{name} have no cloud-init yet; run {BUILD}")


@contextmanager
def fresh(number: int) -> Iterator[int]:
    """The fleet of that number, for us alone: what a killed run has left of it is taken away."""
    with Path(f"/run/lock/kvx-hosts-fleet{number}").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)  # another run of the tests on this machine; the test's own deadline
        lifecycle.bring_down(number)
        try:
            yield number
        finally:
            lifecycle.bring_down(number)


@pytest.fixture(scope="module")
def hosts() -> Iterator[Fleet]:
    """Fresh hosts; mark tests needs("hosts")."""
    with fresh(FLEET) as number:
        yield lifecycle.bring_up(number, COUNT)

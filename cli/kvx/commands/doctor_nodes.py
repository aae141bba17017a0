"""What configuring machines needs of this machine: a client for SSH, Ansible, and the playbooks."""

import sys
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from kvx.commands.check import Check
from kvx.errors import KvxError
from kvx.steps.nodes import AwaitNodes, ConfigureNodes

_VERSION_SECONDS = 20.0
# What kvx and Ansible give to ssh: it only prints what these come to.
_ASKED = ("-G", "-F", "none", "-o", "UpdateHostKeys=no", "-o", "ControlPersist=120s", "localhost")


def of_awaiting(_step: AwaitNodes) -> Iterator[Check]:
    """The client for SSH."""
    from kvx.drivers import machine
    from kvx.drivers.programs import run_program
    from kvx.world import real_world

    fix = "apt install openssh-client, or what your system calls OpenSSH's client"
    path = machine.program("ssh")
    if path is None:
        yield Check("ssh", "missing", "ssh is not on PATH", fix)
        return
    try:
        version_said = run_program((path, "-V"), _VERSION_SECONDS, real_world()).talk.strip()
        understood = run_program((path, *_ASKED), _VERSION_SECONDS, real_world()).code == 0
    except KvxError as error:
        yield Check("ssh", "missing", error.message, fix)
        return
    if understood:
        yield Check("ssh", "ok", f"{version_said.partition(',')[0]} at {path}")
    else:
        yield Check("ssh", "missing", f"{path} is {version_said}, which is too old or another ssh", fix)


def of_configuring(step: ConfigureNodes) -> Iterator[Check]:
    """Ansible as it was installed with this kvx, and the playbooks of the repository."""
    program = Path(sys.executable).with_name("ansible-playbook")
    try:
        words = f"{version('ansible-core')} at {program}"
    except PackageNotFoundError:
        words = "ansible-core is not installed"
    if program.exists():
        yield Check("ansible", "ok", words)
    else:
        yield Check("ansible", "missing", words, "./deploy.sh doctor installs it")
    if not (step.source / "site.yml").exists():
        fix = "run kvx from a clone of the repository, or install it again"
        yield Check("playbooks", "missing", f"{step.source} holds no playbooks", fix)

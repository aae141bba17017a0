"""An ssh as a person has it set up: with a key and known hosts of their own."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "components" / "container-hosts"))

from container_hosts import ContainerHost


def ssh_as(host: ContainerHost, program: Path) -> None:
    """Write it as a program."""
    known = host.folder / "known"
    program.write_text(
        f'#!/bin/sh\nexec /usr/bin/ssh -F none -i {host.key} -o UserKnownHostsFile={known} "$@"\n'
    )
    program.chmod(0o755)

"""The surroundings of Ansible: none of the user's own settings for it, and short paths of sockets."""

import contextlib
import os
import shutil
import tempfile
from pathlib import Path

from kvx.drivers.files import replace_file

# What a program needs. ANSIBLE_* steers an ansible that a person types, and all else may be a secret.
_KEPT = ("HOME", "LOGNAME", "PATH", "SSH_AUTH_SOCK", "TMPDIR", "USER")
# Neither the user's ~/.ssh/config nor the other keys of an agent: a server counts each key as an attempt.
SSH_ARGUMENTS = (
    "-F none -o IdentitiesOnly=yes -o ControlMaster=auto -o ControlPersist=120s "
    "-o ServerAliveInterval=15 -o ServerAliveCountMax=4"
)
_SOCKETS = "kvx-ssh-"
# A socket has 108 bytes; ssh puts a name of 27 after the folder.
_LONGEST_FOLDER = 80


def environment(source: Path, home: Path, sockets: Path) -> dict[str, str]:
    """What Ansible runs with; `home` takes the place of ~/.ansible."""
    home.mkdir(mode=0o700, exist_ok=True)
    own, empty = source / "ansible.cfg", home / "ansible.cfg"
    empty.touch()
    kept = {name: value for name, value in os.environ.items() if name in _KEPT}
    return kept | {
        "LC_ALL": "C.UTF-8",
        "ANSIBLE_CONFIG": str(own if own.exists() else empty),
        "ANSIBLE_HOME": str(home),
        "ANSIBLE_HOST_KEY_CHECKING": "True",
        "ANSIBLE_NOCOLOR": "1",
        "ANSIBLE_CACHE_PLUGIN": "memory",
        "ANSIBLE_SSH_ARGS": SSH_ARGUMENTS,
        "ANSIBLE_SSH_CONTROL_PATH_DIR": str(sockets),
        "ANSIBLE_PIPELINING": "True",
    }


def proxies() -> dict[str, str]:
    """The way out of this machine, which may hold a password: told like a secret."""
    return {name: value for name, value in os.environ.items() if name.lower().endswith("_proxy")}


def new_sockets(note: Path) -> Path:
    """A folder for the sockets of ssh, which is noted: one that a killed run has left is removed here."""
    with contextlib.suppress(FileNotFoundError):
        left = Path(note.read_text().strip())
        if left.name.startswith(_SOCKETS):
            shutil.rmtree(left, ignore_errors=True)
    usual = tempfile.gettempdir()
    made = Path(tempfile.mkdtemp(prefix=_SOCKETS, dir=usual if len(usual) <= _LONGEST_FOLDER else "/tmp"))  # noqa: S108
    replace_file(note, f"{made}\n")
    return made

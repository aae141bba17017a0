"""A systemd user unit that runs the supervisor, where this user has a systemd."""

import hashlib
import shutil
from pathlib import Path

from kvx.drivers import starting
from kvx.drivers.files import file_errors, replace_file
from kvx.drivers.programs import run_program
from kvx.errors import KvxError
from kvx.world import real_world

_DEADLINE_SECONDS = 10.0
_UNIT = """\
[Unit]
Description=Voice API of kvx in {folder}

[Service]
ExecStart={command}
Restart=on-abnormal
RestartSec=1
KillMode=mixed
TimeoutStopSec=60

[Install]
WantedBy=default.target
"""


def unit_file(folder: Path) -> Path:
    """The unit lies beside what it runs; systemd only holds links to it."""
    digest = hashlib.sha256(str(folder.resolve()).encode()).hexdigest()[:8]
    return folder / f"kvx-{folder.name}-{digest}.service"


def start(folder: Path) -> bool:
    """Whether systemd runs the supervisor now; False where this user has no systemd."""
    if not _systemctl("show-environment"):
        return False
    unit = unit_file(folder)
    with file_errors(folder):
        command = " ".join(f'"{word}"' for word in starting.supervisor_command(folder))
        replace_file(unit, _UNIT.format(folder=folder, command=command.replace("%", "%%")), 0o644)
    if _systemctl("enable", str(unit)) and _systemctl("restart", unit.name):
        return True
    remove(folder)
    return False


def remove(folder: Path) -> None:
    """Take the unit away and stop what it runs; nothing happens where there is none."""
    unit = unit_file(folder)
    if not unit.exists():
        return
    _systemctl("disable", "--now", unit.name, seconds=70)
    with file_errors(unit):
        unit.unlink(missing_ok=True)
    _systemctl("daemon-reload")


def _systemctl(*arguments: str, seconds: float = _DEADLINE_SECONDS) -> bool:
    """Whether systemd did as told."""
    program = shutil.which("systemctl")
    if program is None:
        return False
    try:
        return run_program([program, "--user", *arguments], seconds, real_world()).code == 0
    except KvxError:
        return False

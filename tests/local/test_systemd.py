"""Where the user has a systemd, a unit runs the supervisor; a stand-in takes systemctl's place here."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from kvx.drivers import systemd

STAND_IN = Path(__file__).with_name("stand_in_systemctl.py")


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of the stand-in, which is found before any other systemctl."""
    folder = tmp_path / "systemd"
    folder.mkdir()
    program = folder / "systemctl"
    program.write_text(f'#!/bin/sh\nexec {sys.executable} {STAND_IN} "$@"\n')
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}:/usr/bin:/bin")
    monkeypatch.setenv("STAND_IN_SYSTEMD", str(folder))
    return folder


def calls(place: Path) -> list[str]:
    return [json.loads(line)[1] for line in (place / "calls").read_text().splitlines()]


def test_systemd_runs_the_supervisor_and_cleanup_takes_the_unit_away(place: Path, deployed: Any) -> None:
    deployed.start(answer="under systemd")
    unit = systemd.unit_file(deployed.folder)
    assert deployed.ask()["answer"] == "under systemd"
    assert deployed.supervisor_pid == int((place / "main.pid").read_text())
    assert (place / unit.name).is_symlink()
    deployed.start(answer="changed")
    assert calls(place) == ["show-environment", "enable", "restart"]
    deployed.stop()
    assert not deployed.processes()
    assert not unit.exists()
    assert not (place / unit.name).is_symlink()
    assert calls(place)[3:] == ["disable", "daemon-reload"]


def test_without_a_systemd_that_answers_the_supervisor_is_started_by_kvx(
    place: Path, deployed: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    (place / "systemctl").write_text("#!/bin/sh\nexit 1\n")
    deployed.start(answer="alone")
    assert deployed.ask()["answer"] == "alone"
    assert not systemd.unit_file(deployed.folder).exists()


@pytest.mark.needs("systemd-analyze")
def test_systemd_itself_finds_nothing_wrong_with_the_unit(place: Path, deployed: Any) -> None:
    deployed.start(answer="one")
    command = ["/usr/bin/systemd-analyze", "--man=no", "verify", str(systemd.unit_file(deployed.folder))]
    checked = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert (checked.returncode, checked.stderr) == (0, "")

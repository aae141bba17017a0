"""Files on a disk that is full, folders that may not be written, and what is left after a failure."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from kvx import drivers
from kvx.errors import KvxError
from kvx.steps.service import RemoveFolder, WriteFile
from kvx.world import real_world

WORLD = real_world()
NOBODY = 65534


def test_a_file_is_written_with_its_mode_and_is_done_then(tmp_path: Path) -> None:
    step = WriteFile(tmp_path / "new" / "file.toml", "a = 1\n", 0o640)
    assert not drivers.is_done(step, WORLD)
    assert drivers.perform(step, WORLD).changed
    assert drivers.is_done(step, WORLD)
    assert step.path.stat().st_mode & 0o777 == 0o640
    step.path.chmod(0o600)
    assert not drivers.is_done(step, WORLD)


@pytest.mark.needs("tmpfs")
def test_a_full_disk_leaves_the_old_file_and_no_draft(small_disk: Path) -> None:
    path = small_disk / "file"
    drivers.perform(WriteFile(path, "old"), WORLD)
    with pytest.raises(KvxError) as failure:
        drivers.perform(WriteFile(path, "n" * 200_000), WORLD)
    assert "the disk is full" in failure.value.message
    assert "df -h" in failure.value.fix
    assert [each.name for each in small_disk.iterdir()] == ["file"]
    assert path.read_text() == "old"


def test_a_file_in_the_place_of_a_folder_is_named(tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("")
    with pytest.raises(KvxError, match="taken"):
        drivers.perform(WriteFile(tmp_path / "taken" / "file", "x"), WORLD)


@pytest.mark.needs("root", "setpriv")
def test_a_folder_of_somebody_else_is_refused_in_two_lines(tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    for folder in tmp_path.parents:
        if folder.stat().st_uid == os.geteuid() and folder.name.startswith("pytest"):
            folder.chmod(0o755)
    script = (
        "from pathlib import Path\n"
        "from kvx import drivers\nfrom kvx.errors import KvxError\n"
        "from kvx.steps.service import WriteFile\nfrom kvx.world import real_world\n"
        f"try:\n  drivers.perform(WriteFile(Path({str(tmp_path / 'no' / 'file')!r}), 'x'), real_world())\n"
        "except KvxError as error:\n  print(error.message, error.fix, sep='\\n')\n"
    )
    as_nobody = ["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups"]
    command = [*as_nobody, sys.executable, "-c", f"import sys\n{script}"]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert ended.stdout.startswith("permission denied"), ended.stderr
    assert str(tmp_path) in ended.stdout


def test_a_folder_is_removed_with_all_it_holds(tmp_path: Path) -> None:
    folder = tmp_path / "local"
    drivers.perform(WriteFile(folder / "deep" / "file", "x"), WORLD)
    step = RemoveFolder(folder)
    assert drivers.perform(step, WORLD).changed
    assert drivers.is_done(step, WORLD)
    assert not drivers.perform(step, WORLD).changed

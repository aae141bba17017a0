"""Cleaning: sounds of no job go, what a job needs stays, and the processor's lock is not touched."""

import json
import os
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from voice_api.errors import VoiceApiError
from voice_api.jobs.cleaning import Cleaned, clean
from voice_api.jobs.job import Answer, Offer
from voice_api.jobs.queue import Queue

Opened = Callable[..., Queue]
SIX_HOURS = 21_600.0


def left_behind(folder: Path, name: str, sound: bytes, hours: float, part: str = "sounds") -> Path:
    """A sound of nobody's, as a processor leaves that was killed between two steps."""
    path = folder / "jobs" / part / name
    path.write_bytes(sound)
    then = time.time() - hours * 3600
    os.utime(path, (then, then))
    return path


def test_sounds_of_no_job_go_after_six_hours_and_those_of_jobs_stay(opened: Opened, tmp_path: Path) -> None:
    queue = opened()
    waiting, heard = queue.accept(Offer(b"waits", ())).id, queue.accept(Offer(b"is heard", ())).id
    assert queue.take()
    for name in (waiting, heard):
        os.utime(tmp_path / "jobs" / "sounds" / name, (0, 0))
    old = left_behind(tmp_path, "job_old", b"12345", hours=7)
    torn = left_behind(tmp_path, "job_torn", b"123", hours=7, part="arriving")
    young = left_behind(tmp_path, "job_young", b"1", hours=5)
    assert clean(tmp_path / "jobs", SIX_HOURS, time.time()) == Cleaned(files=2, bytes=8)
    assert (old.exists(), torn.exists(), young.exists()) == (False, False, True)
    claim = queue.take()
    assert claim is not None
    assert queue.sound(claim) == b"is heard"
    assert clean(tmp_path / "jobs", SIX_HOURS, time.time()) == Cleaned(files=0, bytes=0)


def test_the_sound_of_a_job_that_has_ended_is_no_jobs_any_more(opened: Opened, tmp_path: Path) -> None:
    queue = opened()
    name = queue.accept(Offer(b"heard", ())).id
    claim = queue.take()
    assert claim is not None
    assert queue.complete(claim, Answer(b"words", "text/plain"))
    left_behind(tmp_path, name, b"heard", hours=7)
    assert clean(tmp_path / "jobs", SIX_HOURS, time.time()).files == 1
    assert queue.answer(name) is not None


class Shared(type(Path())):  # type: ignore[misc]
    """A folder whose processor deletes the sound "job_heard" once somebody has looked at it."""

    def stat(self, *, follow_symlinks: bool = True) -> os.stat_result:
        found = super().stat(follow_symlinks=follow_symlinks)
        if self.name == "job_heard":
            self.unlink()
        return found


def test_a_sound_that_the_processor_deletes_meanwhile_is_none_of_ours(opened: Opened, tmp_path: Path) -> None:
    opened()
    heard = left_behind(tmp_path, "job_heard", b"1234", hours=7)
    left_behind(tmp_path, "job_old", b"12345", hours=7)
    (tmp_path / "jobs" / "sounds" / "job_gone").symlink_to("nowhere")
    assert clean(Shared(tmp_path / "jobs"), SIX_HOURS, time.time()) == Cleaned(files=1, bytes=5)
    assert not heard.exists()


def test_a_folder_of_no_processor_and_a_table_of_another_version_are_left_alone(
    opened: Opened, tmp_path: Path
) -> None:
    with pytest.raises(VoiceApiError, match="no processor keeps jobs in"):
        clean(tmp_path, SIX_HOURS, time.time())
    opened()
    kept = left_behind(tmp_path, "job_old", b"1", hours=7)
    with sqlite3.connect(tmp_path / "jobs" / "jobs.sqlite3") as table:
        table.execute("PRAGMA user_version = 99")
    with pytest.raises(VoiceApiError, match="another version"):
        clean(tmp_path / "jobs", SIX_HOURS, time.time())
    (tmp_path / "jobs" / "jobs.sqlite3").write_bytes(b"no table" * 1000)
    with pytest.raises(VoiceApiError, match="cannot be read"):
        clean(tmp_path / "jobs", SIX_HOURS, time.time())
    assert kept.exists()


def test_the_program_cleans_beside_the_processor_that_owns_the_folder(opened: Opened, tmp_path: Path) -> None:
    opened()
    left_behind(tmp_path, "job_old", b"12345", hours=7)
    command = [sys.executable, "-m", "voice_api", "clean", "--jobs-folder", str(tmp_path / "jobs")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == {"files": 1, "bytes": 5}

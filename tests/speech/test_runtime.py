"""onnxruntime keeps to its threads and tells nobody anything."""

import subprocess
import sys
from pathlib import Path

import pytest

from voice_api.speech.runtime import available_threads

LISTEN_AND_LOOK = """
import os, sys
from pathlib import Path
import numpy as np
from voice_api.speech.protocol import TranscribeOptions
from voice_api.speech.whisper.engine import load_whisper
whisper = load_whisper(Path(sys.argv[1]), 2)
whisper.transcribe(np.zeros(16_000, dtype=np.float32), TranscribeOptions())
for number in os.listdir("/proc/self/fd"):
    link = Path("/proc/self/fd") / number
    print(os.readlink(link) if link.is_symlink() else "")
"""


def test_a_process_that_listened_has_no_socket_and_left_no_trace_of_itself(
    small_folder: Path, tmp_path: Path
) -> None:
    """With telemetry on, onnxruntime 1.31 keeps a device id and a database of events in the home."""
    home = tmp_path / "home"
    home.mkdir()
    done = subprocess.run(
        [sys.executable, "-c", LISTEN_AND_LOOK, str(small_folder)],
        env={"HOME": str(home), "PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert "socket" not in done.stdout
    assert list(home.rglob("*")) == []
    assert done.stderr == ""


@pytest.mark.parametrize(
    ("quota", "most"),
    [
        ("max 100000", 10_000),
        ("100000 100000", 1),
        ("10000 100000", 1),
        ("150000 100000", 2),
        ("junk", 10_000),
    ],
)
def test_threads_follow_the_quota_of_the_container(quota: str, most: int, tmp_path: Path) -> None:
    file = tmp_path / "cpu.max"
    file.write_text(quota + "\n")
    everything = available_threads(tmp_path / "no such file")
    assert available_threads(file) == min(everything, most)
    assert everything >= 1

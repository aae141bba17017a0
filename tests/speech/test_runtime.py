"""onnxruntime keeps to its threads and tells nobody anything."""

import subprocess
import sys
from pathlib import Path

import pytest

from voice_api.speech.threads import available_threads, thread_limit, usable_cores

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
LISTEN_AND_REST = """
import sys, time
from pathlib import Path
import numpy as np
from voice_api.speech.protocol import TranscribeOptions
from voice_api.speech.whisper.engine import load_whisper
whisper = load_whisper(Path(sys.argv[1]), 2)
noise = np.random.default_rng(0).normal(0, 0.3, 32_000).astype(np.float32)
whisper.transcribe(noise, TranscribeOptions())
used = time.process_time()
time.sleep(0.2)
print((time.process_time() - used) * 1000)
"""


def run(program: str, folder: Path, home: Path) -> "subprocess.CompletedProcess[str]":
    home.mkdir()
    return subprocess.run(
        [sys.executable, "-c", program, str(folder)],
        env={"HOME": str(home), "PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )


def test_a_process_that_listened_has_no_socket_and_left_no_trace_of_itself(
    small_folder: Path, tmp_path: Path
) -> None:
    """With telemetry on, onnxruntime 1.31 keeps a device id and a database of events in the home."""
    home = tmp_path / "home"
    done = run(LISTEN_AND_LOOK, small_folder, home)
    assert "socket" not in done.stdout
    assert list(home.rglob("*")) == []
    assert done.stderr == ""


def test_no_thread_spins_after_the_work_is_done(small_folder: Path, tmp_path: Path) -> None:
    """The pool that sessions share, and the default, burn 20 to 38 ms of a core after every run."""
    done = run(LISTEN_AND_REST, small_folder, tmp_path / "home")
    assert float(done.stdout) < 10


def cgroup_files(root: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        file = root / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text + "\n")
    return root


@pytest.mark.parametrize(
    ("quota", "count"),
    [
        ("max 100000", 8),
        ("100000 100000", 1),
        ("10000 100000", 1),
        ("150000 100000", 2),
        ("900000 100000", 8),
        ("junk", 8),
        ("100000 0", 8),
    ],
)
def test_threads_follow_the_quota_of_the_container(quota: str, count: int, tmp_path: Path) -> None:
    root = cgroup_files(tmp_path, {"cpu.max": quota})
    assert thread_limit(8, "0::/\n", root).count == count


def test_the_tightest_quota_of_all_cgroups_above_counts(tmp_path: Path) -> None:
    files = {"cpu.max": "max 100000", "pod/cpu.max": "150000 100000", "pod/voice/cpu.max": "400000 100000"}
    root = cgroup_files(tmp_path, files)
    assert thread_limit(8, "0::/pod/voice\n", root).count == 2
    assert thread_limit(8, "0::/\n", root).count == 8


@pytest.mark.parametrize("folder", ["cpu", "cpu,cpuacct"])
def test_version_1_quotas_count_too(folder: str, tmp_path: Path) -> None:
    files = {f"{folder}/docker/x/cpu.cfs_quota_us": "50000", f"{folder}/docker/x/cpu.cfs_period_us": "100000"}
    root = cgroup_files(tmp_path, files)
    own = "4:memory:/docker/x\n2:cpu,cpuacct:/docker/x\n0::/\n"
    limit = thread_limit(8, own, root)
    assert limit.count == 1
    assert limit.source == "the container's CPU quota is 0.5 cores"


def test_inside_a_container_the_path_may_be_the_hosts_and_the_tree_itself_counts(tmp_path: Path) -> None:
    files = {"cpu/cpu.cfs_quota_us": "200000", "cpu/cpu.cfs_period_us": "100000"}
    assert thread_limit(8, "1:cpu:/docker/not-mounted-here\n", cgroup_files(tmp_path, files)).count == 2


def test_no_quota_means_the_cores_of_the_affinity(tmp_path: Path) -> None:
    limit = thread_limit(own="1:cpu:/\n0::/\n", root=cgroup_files(tmp_path, {"cpu/cpu.cfs_quota_us": "-1"}))
    assert limit.count == usable_cores()
    assert "may run on" in limit.source


def test_a_process_pinned_to_one_core_has_one_thread() -> None:
    program = "from voice_api.speech.threads import available_threads; print(available_threads())"
    pinned = ["taskset", "-c", "0", sys.executable, "-c", program]
    done = subprocess.run(pinned, capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout == "1\n"
    assert available_threads() >= 1

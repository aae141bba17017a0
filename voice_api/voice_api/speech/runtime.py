"""onnxruntime with its telemetry off, and sessions that keep to the threads they are given."""

import math
import os
from pathlib import Path

# Read by the library when it loads: without it, 1.31 keeps a device id and a database of events in the
# home folder, and has a thread to upload them.
os.putenv("ORT_DISABLE_TELEMETRY", "1")

import onnxruntime

__all__ = ["available_threads", "onnxruntime", "open_session"]

SEVERITY_FATAL = 4


def open_session(graph: Path, threads: int) -> onnxruntime.InferenceSession:
    """Load a graph for the CPU; raises onnxruntime's own errors where it cannot be loaded."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = SEVERITY_FATAL  # failures are raised, and told once
    # A spinning thread burns the CPU quota of a container and takes a shared core from its neighbour.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    options.add_session_config_entry("session.use_device_allocator_for_initializers", "1")
    return onnxruntime.InferenceSession(graph, options, providers=["CPUExecutionProvider"])


def available_threads(quota_file: Path = Path("/sys/fs/cgroup/cpu.max")) -> int:
    """Threads this process may run at once: its CPU affinity, or its cgroup v2 quota where that is less."""
    cores = len(os.sched_getaffinity(0))
    try:
        quota, period = quota_file.read_text().split()
    except (OSError, ValueError):
        return cores
    if quota == "max":
        return cores
    return max(1, min(cores, math.ceil(int(quota) / int(period))))

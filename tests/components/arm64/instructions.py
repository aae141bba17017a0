"""Counts an aarch64 library's instructions for int8 and half precision: `instructions.py FILE`.

Encodings: Arm Architecture Reference Manual for A-profile, C7.2 (vector, and by element where there is one).
"""

import struct
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

# name: (bits that are fixed, their values)
ENCODINGS = {
    "sdot": ((0xBFE0FC00, 0x0E809400), (0xBFC0F400, 0x0F80E000)),
    "udot": ((0xBFE0FC00, 0x2E809400), (0xBFC0F400, 0x2F80E000)),
    "fmla of halves": ((0xBFE0FC00, 0x0E400C00), (0xBFC0F400, 0x0F001000)),
    "smmla": ((0xFFE0FC00, 0x4E80A400),),
    "ummla": ((0xFFE0FC00, 0x6E80A400),),
    "bfmmla": ((0xFFE0FC00, 0x6E40EC00),),
}
EXECUTABLE, HOLDS_CONTENT = 4, 1
SECTION = struct.Struct("<IIQQQQIIQQ")


def counts(library: Path) -> dict[str, int]:
    """How often each instruction stands in the code of an ELF file; read by the machine's own encoding."""
    words = np.concatenate(list(_code(library.read_bytes())))
    return {
        name: sum(int(np.count_nonzero((words & mask) == value)) for mask, value in encodings)
        for name, encodings in ENCODINGS.items()
    }


def _code(content: bytes) -> Iterator[NDArray[np.uint32]]:
    """The executable sections as words."""
    (table,) = struct.unpack_from("<Q", content, 0x28)
    size, count = struct.unpack_from("<HH", content, 0x3A)
    for number in range(count):
        _, kind, flags, _, start, length, *_ = SECTION.unpack_from(content, table + number * size)
        if kind == HOLDS_CONTENT and flags & EXECUTABLE:
            yield np.frombuffer(content, dtype="<u4", count=length // 4, offset=start)


if __name__ == "__main__":
    for name, count in counts(Path(sys.argv[1])).items():
        print(f"{name}\t{count}")

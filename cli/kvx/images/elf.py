"""Which processor a program is for, read from the program itself."""

import struct

MAGIC = b"\x7fELF"
HEADER_BYTES = 20
# e_machine of the System V ABI, under the names that images use.
ARCHITECTURES = {3: "386", 40: "arm", 62: "amd64", 183: "arm64", 243: "riscv64"}
_LITTLE_ENDIAN = 1


def architecture_of(beginning: bytes) -> str | None:
    """The architecture of an ELF file, from its first 20 bytes; None for any other file."""
    if len(beginning) < HEADER_BYTES or not beginning.startswith(MAGIC):
        return None
    order = "<" if beginning[5] == _LITTLE_ENDIAN else ">"
    (machine,) = struct.unpack_from(f"{order}H", beginning, 18)
    return ARCHITECTURES.get(machine, f"machine {machine}")

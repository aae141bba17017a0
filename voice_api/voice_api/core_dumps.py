"""Keeps what is in memory, keys among it, out of core dumps."""

import logging
from pathlib import Path

log = logging.getLogger("voice_api")
FILTER = Path("/proc/self/coredump_filter")
NOTHING = "0"


def keep_memory_out_of_core_dumps() -> None:
    """What the kernel writes after a crash, or pipes to whoever collects it, says where and not with what.

    A limit of 0 would not hold for a pipe; what may be dumped of a process does.
    """
    try:
        FILTER.write_text(NOTHING)
    except OSError as error:
        log.warning("memory may be in core dumps", extra={"reason": error.strerror})

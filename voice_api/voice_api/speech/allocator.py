"""Keeps the C library's allocator from holding on to memory that was freed."""

import ctypes

# Numbers of glibc's malloc.h.
MMAP_THRESHOLD = -3
ARENA_MAX = -8
ARENAS = 2
LARGE_BYTES = 1 << 20
LIBRARY = ctypes.CDLL(None)


def bound_allocator() -> None:
    """Few arenas, and large blocks given back as soon as they are freed; nothing without glibc.

    To be called before threads start: each gets an arena of its own otherwise, up to eight per core.
    """
    if hasattr(LIBRARY, "mallopt"):
        LIBRARY.mallopt(ARENA_MAX, ARENAS)
        LIBRARY.mallopt(MMAP_THRESHOLD, LARGE_BYTES)


def trim_memory() -> None:
    """Give freed memory back to the system: after a model was loaded, or a long sound was heard."""
    if hasattr(LIBRARY, "malloc_trim"):
        LIBRARY.malloc_trim(0)

"""Keep what the C library's allocator would hand back to the system between two operations of a network."""

from __future__ import annotations

import ctypes
import platform
from collections.abc import Iterator
from contextlib import contextmanager

# Names and usual values of mallopt(3), glibc.
_TRIM_THRESHOLD, _TOP_PAD, _MMAP_MAX = -1, -2, -4
_USUAL = {_TRIM_THRESHOLD: 128 << 10, _TOP_PAD: 128 << 10, _MMAP_MAX: 65536}
_KEPT = {_TRIM_THRESHOLD: 2**31 - 1, _TOP_PAD: 256 << 20, _MMAP_MAX: 0}


@contextmanager
def freed_memory_kept() -> Iterator[None]:
    """Let freed memory stay with the process and be used again, inside a with-statement; only glibc can.

    Every value of a network is tens of megabytes, which glibc takes from the system and gives back one by one: clearing
    the pages took 40 % of the processor time of a layer-by-layer emulation.
    """
    if platform.libc_ver()[0] != "glibc":
        yield
        return
    library = ctypes.CDLL(None)
    try:
        for option, value in _KEPT.items():
            library.mallopt(option, value)
        yield
    finally:
        for option, value in _USUAL.items():
            library.mallopt(option, value)
        library.malloc_trim(0)

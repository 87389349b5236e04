"""Memory of a training on a CPU: what one step frees stays for the next one."""

from __future__ import annotations

import ctypes
import os
import sys

# Parameters of glibc's mallopt(3).
M_TRIM_THRESHOLD, M_MMAP_MAX = -1, -4
MADV_HUGEPAGE = 14  # of madvise(2)
LARGE_BYTES, LARGE_PAGE = 4 << 30, 2 << 20
SETTINGS = ('MALLOC_', 'GLIBC_TUNABLES')  # by which an environment sets the same


def keep_freed_memory() -> bool:
    """Lets the C library keep what tensors free; returns whether it does.

    PyTorch keeps the freed memory of a GPU, but that of a CPU goes back to the C library, and glibc
    gives large blocks back to the system. A training step frees and takes the same blocks again
    and again, and the system clears them page by page each time, which takes up to a tenth of the
    step of a small model. The next 4 GiB are asked for in large pages, which saves as much again.
    No number changes. The process keeps the memory of its largest step until it ends.

    Nothing happens where the C library has no such setting (macOS, Windows, musl), or where the
    environment has settings of its own (``MALLOC_TRIM_THRESHOLD_`` and others).
    """
    if sys.platform != 'linux' or any(name.startswith(SETTINGS) for name in os.environ):
        return False
    library = ctypes.CDLL(None)
    mallopt = getattr(library, 'mallopt', None)
    # -1: never trim; 0 blocks of their own, which would be unmapped when they are freed
    if mallopt is None or not (mallopt(M_TRIM_THRESHOLD, -1) and mallopt(M_MMAP_MAX, 0)):
        return False
    library.malloc.restype, library.free.argtypes = ctypes.c_void_p, [ctypes.c_void_p]
    start = library.malloc(ctypes.c_size_t(LARGE_BYTES))  # nothing is written, so it takes none yet
    if start:  # the limits of the process allow it
        first = -(-start // LARGE_PAGE) * LARGE_PAGE
        size = ctypes.c_size_t(start + LARGE_BYTES - first)
        library.madvise(ctypes.c_void_p(first), size, MADV_HUGEPAGE)
        library.free(start)
    return True

"""Memory of a training on a CPU: what one step frees stays for the next one."""

from __future__ import annotations

import ctypes
import os
import sys

# Parameters of glibc's mallopt(3).
M_TRIM_THRESHOLD, M_MMAP_MAX = -1, -4
SETTINGS = ('MALLOC_', 'GLIBC_TUNABLES')  # by which an environment sets the same


def keep_freed_memory() -> bool:
    """Lets the C library keep what tensors free; returns whether it does.

    PyTorch keeps the freed memory of a GPU, but that of a CPU goes back to the C library, and glibc
    gives large blocks back to the system. A training step frees and takes the same blocks again
    and again, and the system clears them page by page each time, which takes up to a tenth of the
    step of a small model. No number changes. The process keeps the memory of its largest step
    until it ends.

    Nothing happens where the C library has no such setting (macOS, Windows, musl), or where the
    environment has settings of its own (``MALLOC_TRIM_THRESHOLD_`` and others).
    """
    if sys.platform != 'linux' or any(name.startswith(SETTINGS) for name in os.environ):
        return False
    mallopt = getattr(ctypes.CDLL(None), 'mallopt', None)
    if mallopt is None:
        return False
    # -1: never trim; 0 blocks of their own, which would be unmapped when they are freed
    return bool(mallopt(M_TRIM_THRESHOLD, -1) and mallopt(M_MMAP_MAX, 0))

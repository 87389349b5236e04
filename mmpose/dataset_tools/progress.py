"""How far a long job is, in one line on the terminal."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

REPORT_SECONDS = 1.0


@contextmanager
def show_progress(name: str, quiet: bool = False) -> Iterator[Callable[[int, int], None]]:
    """Gives a function ``(done, total)`` that shows how many images are done, once a second."""
    last = start = time.monotonic()

    def show(done: int, total: int) -> None:
        nonlocal last
        now = time.monotonic()
        if quiet or (now - last < REPORT_SECONDS and done < total):
            return
        last = now
        rate = done / max(now - start, 1e-6)
        rate_text = f'{rate:.0f}' if rate >= 10 else f'{rate:.1f}'
        line = f'{name}: {done} of {total} images ({done / total:.0%}), {rate_text} images/s'
        print(line, end='\r' if sys.stderr.isatty() else '\n', file=sys.stderr, flush=True)

    yield show
    if not quiet and sys.stderr.isatty():
        print(file=sys.stderr)

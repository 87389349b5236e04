"""Progress bar of long loops, on a terminal; logs and pipes stay clean, and so do other ranks."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterable, Iterator, Sized
from typing import TypeVar

T = TypeVar('T')
RANK_VARIABLES = ('RANK', 'SLURM_PROCID', 'OMPI_COMM_WORLD_RANK')  # as launchers set them
_SHOWN = threading.Lock()  # a terminal has one bar at a time


def track(
    items: Iterable[T], name: str, total: int | None = None, is_shown: bool = True
) -> Iterator[T]:
    """Yields items while a line on standard error counts them, with their rate and the time left.

    Args:
        items: What the loop goes through.
        name: What is counted.
        total: Number of items; by default their length, where they have one.
        is_shown: Whether there is a line at all.
    """
    from rich import progress
    from rich.console import Console

    console = Console(stderr=True)
    is_first = all(os.environ.get(rank, '0') == '0' for rank in RANK_VARIABLES)
    if not (is_shown and is_first and console.is_terminal and _SHOWN.acquire(blocking=False)):
        yield from items
        return
    columns = (
        progress.TextColumn('{task.description}', markup=False),
        progress.BarColumn(),
        progress.MofNCompleteColumn(),
        progress.TaskProgressColumn(show_speed=True),
        progress.TimeRemainingColumn(),
    )
    total = len(items) if total is None and isinstance(items, Sized) else total
    try:
        with progress.Progress(*columns, console=console) as bar:
            task = bar.add_task(name, total=total)
            for item in items:
                yield item
                bar.advance(task)
    finally:
        _SHOWN.release()

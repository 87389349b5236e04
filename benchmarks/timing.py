"""Timing of interleaved functions, so that a temporary load affects all candidates equally."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import TypeVar

import torch

from mmpose.structures.progress import track

T = TypeVar('T')


def interleave(candidates: Mapping[str, Callable[[], T]], num_rounds: int) -> dict[str, list[T]]:
    """Interleaves candidates: each measures itself once per round.

    The first round is a warm-up and is discarded. Every other round runs in reverse order.

    Args:
        candidates: Name -> function that runs once and returns its measurement.
        num_rounds: Number of rounds after the warm-up.

    Returns:
        Name -> one measurement per round.
    """
    if num_rounds < 1:
        raise ValueError(f'--repeat is {num_rounds}, expected 1 or more')
    names = list(candidates)
    found: dict[str, list[T]] = {name: [] for name in names}
    for name in names:
        candidates[name]()
    for round_index in track(range(num_rounds), 'rounds'):
        for name in reversed(names) if round_index % 2 else names:
            found[name].append(candidates[name]())
    return found


def stopwatch(
    function: Callable[[], object],
    min_seconds: float = 0.0,
    synchronize: Callable[[], None] = lambda: None,
) -> Callable[[], float]:
    """Returns a function that runs ``function`` and returns the seconds per call.

    Args:
        function: Function to time.
        min_seconds: Minimum duration of a measurement, which repeats calls accordingly; their
            number is determined by the first measurement, the warm-up of ``interleave``.
        synchronize: Waits for the device; called before both readings of the clock.
    """
    num_calls = 0

    def run(calls: int) -> float:
        synchronize()
        begin = time.perf_counter()
        for _ in range(calls):
            function()
        synchronize()
        return (time.perf_counter() - begin) / calls

    def measure() -> float:
        nonlocal num_calls
        if not num_calls:
            run(1)  # lazy initialisation, compilation
            num_calls = max(1, round(min_seconds / max(run(1), 1e-9)))
        return run(num_calls)

    return measure


@contextmanager
def limit_threads(num_threads: int | None) -> Iterator[None]:
    """Sets the threads of PyTorch and OpenCV inside the context; None leaves them unchanged."""
    if num_threads is None:
        yield
        return
    import cv2

    before = torch.get_num_threads(), cv2.getNumThreads()
    torch.set_num_threads(num_threads)
    cv2.setNumThreads(num_threads if num_threads > 1 else 0)  # 0 runs in the calling thread
    try:
        yield
    finally:
        torch.set_num_threads(before[0])
        cv2.setNumThreads(before[1])


class StepClock:
    """Stopwatch that accumulates the seconds of named steps.

    Attributes:
        seconds: Step -> seconds so far.
    """

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}
        self.restart()

    def restart(self) -> None:
        """Begins a step now."""
        self._last = time.perf_counter()

    def end(self, name: str) -> None:
        """Ends a step and begins the next one."""
        now = time.perf_counter()
        self.seconds[name] = self.seconds.get(name, 0.0) + now - self._last
        self._last = now

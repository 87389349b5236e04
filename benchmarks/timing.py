"""Time spent by functions that take turns, so that a busy moment does not favour one of them."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import TypeVar

import torch

Measurement = TypeVar('Measurement')


def take_turns(
    contestants: Mapping[str, Callable[[], Measurement]], num_rounds: int
) -> dict[str, list[Measurement]]:
    """Lets every contestant measure itself once a round.

    A first round warms up and is dropped. Every other round runs in reverse order.

    Args:
        contestants: Name -> function that runs once and returns its measurement.
        num_rounds: Rounds that count.

    Returns:
        Name -> one measurement a round.
    """
    if num_rounds < 1:
        raise ValueError(f'--repeat is {num_rounds}, expected 1 or more')
    names = list(contestants)
    found: dict[str, list[Measurement]] = {name: [] for name in names}
    for name in names:
        contestants[name]()
    for round_index in range(num_rounds):
        for name in reversed(names) if round_index % 2 else names:
            found[name].append(contestants[name]())
    return found


def stopwatch(
    function: Callable[[], object],
    min_seconds: float = 0.0,
    synchronize: Callable[[], None] = lambda: None,
) -> Callable[[], float]:
    """Returns a function that runs ``function`` and returns the seconds per call.

    Args:
        function: What is timed.
        min_seconds: A measurement calls it as often as it takes to last this long; how often is
            found out by the first measurement, which is the warm-up of ``take_turns``.
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
    """Gives PyTorch and OpenCV this many threads while it lasts; None leaves them as they are."""
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
    """Adds up the seconds between the ends of named steps.

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

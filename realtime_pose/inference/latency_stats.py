"""Latency statistics of the live pipeline: frame rate, percentiles, mean time of each stage."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

WINDOW = 150  # frames, for means and percentiles


@dataclass(frozen=True)
class LatencyReport:
    """Latency and throughput of a running pipeline over its last frames.

    Attributes:
        num_frames: Frames so far.
        num_dropped: Frames that were replaced by newer ones before the pipeline took them.
        fps: Frames per second.
        latency_p50_ms: Median time from the capture of a frame until its result went out.
        latency_p95_ms: 95th percentile of the same.
        stage_ms: Mean time of each stage.
    """

    num_frames: int = 0
    num_dropped: int = 0
    fps: float = 0.0
    latency_p50_ms: float = 0.0
    latency_p95_ms: float = 0.0
    stage_ms: Mapping[str, float] = field(default_factory=dict)

    def __str__(self) -> str:
        stages = ', '.join(f'{name} {value:.1f}' for name, value in self.stage_ms.items())
        return (
            f'{self.fps:.1f} fps, latency p50 {self.latency_p50_ms:.0f} ms p95 '
            f'{self.latency_p95_ms:.0f} ms, {self.num_dropped} dropped; ms per stage: {stages}'
        )


class LatencyStats:
    """Rolling window of the times of the last frames."""

    def __init__(self) -> None:
        self.num_frames = 0
        self.num_dropped = 0
        self._latency_s: deque[float] = deque(maxlen=WINDOW)
        self._done_s: deque[float] = deque(maxlen=WINDOW)
        self._stage_s: dict[str, deque[float]] = {}

    def add_stage(self, name: str, seconds: float) -> None:
        """Adds the time that a stage took for a frame."""
        self._stage_s.setdefault(name, deque(maxlen=WINDOW)).append(seconds)

    def add_frame(self, captured_s: float, done_s: float, num_dropped: int) -> None:
        """Adds a finished frame; times are of the monotonic clock."""
        self.num_frames += 1
        self.num_dropped = num_dropped
        self._latency_s.append(done_s - captured_s)
        self._done_s.append(done_s)

    def report(self) -> LatencyReport:
        """Returns the statistics of the window."""
        if not self._latency_s:
            return LatencyReport(num_dropped=self.num_dropped)
        p50, p95 = np.percentile(list(self._latency_s), (50, 95)) * 1000
        spent_s = self._done_s[-1] - self._done_s[0]
        return LatencyReport(
            num_frames=self.num_frames,
            num_dropped=self.num_dropped,
            fps=(len(self._done_s) - 1) / spent_s if spent_s > 0 else 0.0,
            latency_p50_ms=float(p50),
            latency_p95_ms=float(p95),
            stage_ms={
                name: 1000 * float(np.mean(list(values))) for name, values in self._stage_s.items()
            },
        )

"""Benchmark of the 3D stage of the live pipeline: lift and rotations of the people of a frame."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import torch

from benchmarks.report import Report, start_report
from benchmarks.timing import interleave, stopwatch
from realtime_pose.capture.synthetic import MAX_PEOPLE, SyntheticSource
from realtime_pose.ik import SimpleIKSolver

AT_ONCE, ONE_BY_ONE = '{} at once', '{} one by one'
NOISE_PX = 3.0  # of keypoints; without it the solver is done after a few steps


def benchmark_solving(
    *, repeat: int = 5, num_people: Sequence[int] = (1, 8), num_frames: int = 60
) -> Report:
    """Measures the 3D solver on figures who walk and wave, with noise on their keypoints.

    Args:
        repeat: Rounds.
        num_people: People per frame.
        num_frames: Frames of a round, of 30 per second.

    Returns:
        Milliseconds per frame: of all people at once, and of one after the other; their ratio.

    Raises:
        ValueError: If a number of people is less than 1.
    """
    if min(num_people) < 1:
        raise ValueError(f'--people has {min(num_people)}, expected 1 or more')
    settings = dict(repeat=repeat, frames=num_frames, noise=f'{NOISE_PX} px')
    report = start_report('live', torch.device('cpu'), settings)
    candidates: dict[str, Callable[[], float]] = {}
    for count in num_people:
        frames = _keypoints(count, num_frames)
        candidates[AT_ONCE.format(count)] = stopwatch(_run(frames, at_once=True))
        if count > 1:
            candidates[ONE_BY_ONE.format(count)] = stopwatch(_run(frames, at_once=False))
    for name, seconds in interleave(candidates, repeat).items():
        report.add(name, 'ms/frame', [1000 * value / num_frames for value in seconds])
    for count in filter(lambda count: count > 1, num_people):
        names = ONE_BY_ONE.format(count), AT_ONCE.format(count)
        report.add_ratio(' / '.join(names), *map(report.find, names))
    return report


def _keypoints(num_people: int, num_frames: int) -> np.ndarray:
    """Returns keypoints (T, N, 17, 2), px."""
    rng = np.random.default_rng(0)
    sources = [
        SyntheticSource(MAX_PEOPLE, seed=seed) for seed in range(-(-num_people // MAX_PEOPLE))
    ]
    frames = np.stack(
        [np.concatenate([source.keypoints_at(i) for source in sources]) for i in range(num_frames)]
    )[:, :num_people]
    return frames + rng.normal(0, NOISE_PX, frames.shape)


def _run(frames: np.ndarray, at_once: bool) -> Callable[[], None]:
    solvers = [SimpleIKSolver() for _ in frames[0]]

    def run() -> None:
        for solver in solvers:
            solver.reset()
        for people in frames:
            if at_once:
                SimpleIKSolver.solve_all(solvers, people)
                continue
            for solver, keypoints in zip(solvers, people, strict=True):
                solver.solve(keypoints)

    return run

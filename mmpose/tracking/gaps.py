"""Gap filling: interpolates tracked instances over frames in which they were not found."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

import numpy as np

from mmpose.structures import PoseResult


def fill_gaps(frames: Iterable[Sequence[PoseResult]], max_gap: int) -> Iterator[list[PoseResult]]:
    """Yields every frame, with instances that were missed in between interpolated.

    An instance in two frames with at most ``max_gap`` frames between them is added to those:
    keypoints, scores and box are interpolated linearly. A frame is yielded ``max_gap`` frames
    late, so this works on a stream as well as on a list.

    Args:
        frames: The poses of each frame, with the ids of ``PoseTracker``, at a constant rate.
        max_gap: Longest gap to fill, frames; 0 fills none.

    Raises:
        ValueError: If a pose has no ``track_id``, the gap is negative, or the ``img_id`` of an
            empty frame follows neither from other poses in it nor from counting.
    """
    if max_gap < 0:
        raise ValueError(f'max_gap is {max_gap}, expected 0 or more frames')
    window: deque[list[PoseResult]] = deque()
    last_seen: dict[int, tuple[int, PoseResult]] = {}
    for index, results in enumerate(frames):
        current = list(results)
        for result in current:
            if result.track_id is None:
                raise ValueError('a pose has no track_id; run PoseTracker before gaps are filled')
            before_index, before = last_seen.get(result.track_id, (index, result))
            num_steps = index - before_index
            if 1 < num_steps <= max_gap + 1:
                for step in range(1, num_steps):
                    missed = window[step - num_steps]
                    pose = _between(before, result, step / num_steps)
                    missed.append(_of_frame(pose, missed, before, result, step))
            last_seen[result.track_id] = (index, result)
        window.append(current)
        if len(window) > max_gap:
            yield window.popleft()
        last_seen = {k: seen for k, seen in last_seen.items() if index - seen[0] <= max_gap}
    yield from window


def _between(before: PoseResult, after: PoseResult, share: float) -> PoseResult:
    """Returns a pose on the way from one to another."""

    def mix(first: np.ndarray, second: np.ndarray) -> np.ndarray:
        return np.asarray(first + share * (second - first), first.dtype)

    return replace(
        before,
        keypoints=mix(before.keypoints, after.keypoints),
        keypoint_scores=mix(before.keypoint_scores, after.keypoint_scores),
        bbox_xywh=mix(before.bbox_xywh, after.bbox_xywh),
        bbox_score=before.bbox_score + share * (after.bbox_score - before.bbox_score),
        area=before.area + share * (after.area - before.area),
        heatmaps=None,
        window=None,
    )


def _of_frame(
    pose: PoseResult, others: Sequence[PoseResult], before: PoseResult, after: PoseResult, step: int
) -> PoseResult:
    """Returns a pose with the name of the frame, the ``step``-th after that of ``before``."""
    if others:
        return replace(pose, img_id=others[0].img_id, image_file=others[0].image_file)
    first, last = before.img_id, after.img_id
    image_file = before.image_file if before.image_file == after.image_file else ''
    if first == last:  # the name of the video
        return replace(pose, image_file=image_file)
    if not (isinstance(first, int) and isinstance(last, int)):
        raise ValueError(
            f'nobody was found between the images {first!r} and {last!r}, so the img_id of the '
            'images between them is unknown; number the frames to fill gaps'
        )
    return replace(pose, img_id=first + step, image_file=image_file)
